import type { ItemFeatures, Viewer } from "../../../../src/ml/ranking/recommender.js";
import { NewItems } from "../../../../src/recsys/ranking/new-items.js";
import { rankedItem } from "../../../../src/recsys/ranking/ranked-item.js";
import type { LoadedRanker } from "../../../../src/recsys/ranking/ranker-artefact.js";

describe("NewItems.of()", () => {
  it("places an item with an image by its text, where the model was trained on texts alone", async () => {
    const text = Float32Array.of(1, 2);
    const placed: unknown[] = [];
    const model = {
      modalityNames: ["textual"],
      whatIf: () => [],
      userVectorOf: () => new Float32Array(2),
      itemVectorOf: (features: object) => {
        placed.push(features);
        return new Float32Array(2);
      },
    };
    const newItems = new NewItems({
      embeddings: {
        findExcept: async kind => [
          { itemId: "new", vector: kind === "CAPTION" ? text : Float32Array.of(9, 9) },
        ],
      },
    });
    const ranker = { versionId: "v", model, itemIds: [] } as unknown as LoadedRanker; // what it reads
    expect(await newItems.of(ranker)).toMatchObject([{ itemId: "new" }]);
    expect(placed).toEqual([{ textual: text }]);
  });

  it("leaves out the pack's embeddings where the model was trained on the shop's own", async () => {
    const model = {
      modalityNames: ["visual", "textual"],
      whatIf: () => [],
      userVectorOf: () => new Float32Array(2),
      itemVectorOf: () => new Float32Array(2),
    };
    const newItems = new NewItems({
      embeddings: { findExcept: async () => [{ itemId: "new", vector: Float32Array.of(1) }] },
    });
    const ranker = { versionId: "v", model, itemIds: [], ownModalities: ["visual"] };
    const [found] = await newItems.of(ranker as unknown as LoadedRanker); // what it reads
    expect(found.features).toEqual({ textual: Float32Array.of(1) });
  });
});

describe("a new item in a ranking", () => {
  const model = {
    modalityNames: ["visual"],
    whatIf: () => [],
    score: () => Float32Array.of(3, 1),
    userVectorOf: () => Float32Array.of(1, 2),
    itemVectorOf: ({ visual }: ItemFeatures) => visual,
    nearestItems: () => Int32Array.of(1),
    newItemParts: (_: Viewer, nearest: readonly Int32Array[]) =>
      Float32Array.from(nearest, ([item]) => 10 * item),
  };
  const ranker = {
    versionId: "v",
    model,
    itemIds: ["a", "b"],
    itemIndexOf: new Map([
      ["a", 0],
      ["b", 1],
    ]),
  } as unknown as LoadedRanker; // what is read

  it("has the part of its nearest items beside its vector, also with another image", async () => {
    const newItems = new NewItems({
      embeddings: {
        findExcept: async kind =>
          kind === "IMAGE" ? [{ itemId: "new", vector: Float32Array.of(1, 1) }] : [],
      },
    });
    const known = {
      ranker,
      viewer: { userIndex: 0 },
      source: "RANKER",
      seen: new Set<number>(),
    } as const;
    const item = rankedItem(known, "new", await newItems.of(ranker))!;
    expect(item.score).toBe(3 + 10);
    expect(item.scoresWith([Float32Array.of(0, 1)])).toEqual([2 + 10]);
    expect(item.rankAt(item.score)).toBe(1);
  });
});
