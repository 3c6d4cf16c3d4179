/** @file What every {@link PictureRanker} must do. */
import type { ImageViewer, PictureRanker } from "../../src/recsys/ranking/picture-ranker.js";

/** @param create A ranker, a user and an item that it knows, and embeddings of at least two images. */
export function describePictureRanker(
  name: string,
  create: () => Promise<{
    ranker: PictureRanker;
    viewer: ImageViewer;
    itemId: string;
    /** Of the item's own image. */
    own: Float32Array;
    others: readonly Float32Array[];
  }>,
): void {
  describe(`${name} as a PictureRanker`, () => {
    let made: Awaited<ReturnType<typeof create>>;

    beforeAll(async () => {
      made = await create();
    });

    it("ranks the item with each of the images, in their order", async () => {
      const { itemId, others, ranker, viewer } = made;
      const whatIf = (await ranker.whatIf(viewer, itemId, others))!;
      expect(whatIf.candidates).toHaveLength(others.length);
      for (const [at, other] of others.entries()) {
        const alone = await ranker.whatIf(viewer, itemId, [other]);
        expect(whatIf.candidates[at]).toEqual(alone!.candidates[0]);
      }
      expect(new Set(whatIf.candidates.map(({ score }) => score)).size).toBeGreaterThan(1);
    });

    it("gives rank changes by their definition, and ranks within the items ranked", async () => {
      const { itemId, others, ranker, viewer } = made;
      const whatIf = (await ranker.whatIf(viewer, itemId, others))!;
      const { candidates, numRanked, rankBefore, scoreDeviation } = whatIf;
      expect(scoreDeviation).toBeGreaterThan(0);
      for (const { deltaR, rank } of candidates) {
        expect(deltaR).toBeCloseTo((rankBefore - rank) / (1 + rankBefore), 10);
        expect(rank).toBeGreaterThanOrEqual(1);
        expect(rank).toBeLessThanOrEqual(numRanked);
      }
    });

    it("changes no rank for the item's own image", async () => {
      const { itemId, own, ranker, viewer } = made;
      const { candidates, rankBefore } = (await ranker.whatIf(viewer, itemId, [own]))!;
      expect(candidates).toMatchObject([{ rank: rankBefore, deltaR: 0 }]);
    });

    it("says the rank as it is when there are no images", async () => {
      const { itemId, ranker, viewer } = made;
      const whatIf = (await ranker.whatIf(viewer, itemId, []))!;
      expect(whatIf.candidates).toEqual([]);
      expect(whatIf.rankBefore).toBeGreaterThanOrEqual(1);
    });

    it("lets the items that a user has seen not compete", async () => {
      const { itemId, ranker, viewer } = made;
      const rank = async (seenItemIds?: readonly string[]) =>
        (await ranker.whatIf({ ...viewer, seenItemIds }, itemId, []))!;
      const all = await rank([]);
      const masked = await rank(viewer.seenItemIds);
      expect(masked.numRanked).toBeLessThan(all.numRanked);
      expect(masked.scoreBefore).toBe(all.scoreBefore);
      expect(masked.rankBefore).toBeLessThanOrEqual(all.rankBefore);
    });

    it("knows nothing of other users and items", async () => {
      const { itemId, ranker, viewer } = made;
      expect(await ranker.whatIf(viewer, "no such item", [])).toBeNull();
      const other = { ...viewer, userId: "no such user" };
      expect(await ranker.whatIf(other, itemId, [])).toBeNull();
    });
  });
}
