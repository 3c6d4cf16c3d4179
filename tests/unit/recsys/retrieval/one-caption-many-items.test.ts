/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { readFileSync } from "node:fs";
import { ClipEncoder } from "../../../../src/ml/clip/clip-encoder.js";
import { openModelPack } from "../../../../src/ml/runtime/model-pack.js";
import { CaptionIndex } from "../../../../src/recsys/retrieval/caption-index.js";
import { SimilarItemsService } from "../../../../src/recsys/retrieval/similar-items.service.js";
import { describeWithMiniPack, miniPackDir } from "../../ml/runtime/mini-pack.js";

describeWithMiniPack("a catalogue of 300 white mugs and 295 other things", () => {
  let items: { itemId: string; caption: string }[];
  let index: CaptionIndex;

  beforeAll(async () => {
    const csv = readFileSync("tests/fixtures/inputs/bugs/one-caption-many-items.csv", "utf8");
    items = csv
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map(line => line.split(","))
      .map(([itemId, , caption]) => ({ itemId, caption }));
    const clip = await ClipEncoder.load(await openModelPack(miniPackDir));
    // In batches of other sizes than the index's own, as a catalogue that grew.
    const vectors: Float32Array[] = [];
    for (let start = 0; start < items.length; start += 48) {
      const batch = items.slice(start, start + 48).map(({ caption }) => caption);
      vectors.push(...(await clip.encodeTexts(batch)));
    }
    await clip.dispose();
    index = new CaptionIndex(clip.dimension);
    await index.add(items.map(({ itemId }, n) => ({ itemId, sourceHash: "", vector: vectors[n] })));
    await index.checkRecall();
  });

  const traitsOf = (itemId: string) => ({
    itemId,
    image: null,
    text: items.find(item => item.itemId === itemId)!.caption,
  });

  it("finds the blue rocket for the red one", async () => {
    const service = new SimilarItemsService({
      index: { current: index },
      items: {
        existing: async ids => new Set(ids),
        findTraits: async ids => ids.map(itemId => ({ ...traitsOf(itemId), isAvailable: true })),
        sampleTraits: async limit =>
          items
            .filter((_, n) => n % 3 === 0)
            .slice(0, limit)
            .map(({ itemId }) => ({ ...traitsOf(itemId), caption: index.vectorOf(itemId)! })),
      },
    });
    const [nearest] = await service.similarItems("red-rocket", 5);
    expect(nearest.itemId).toBe("blue-rocket");
    expect(index.search(index.vectorOf("red-rocket")!, 2)[1].similarity).toBeCloseTo(0.847, 3);
  });

  it("finds every distinct item by its own caption", () => {
    const distinct = items.filter(({ itemId }) => !itemId.startsWith("a-mug-"));
    expect(distinct).toHaveLength(295);
    const missed = distinct.filter(
      ({ itemId }) => index.search(index.vectorOf(itemId)!, 1)[0].itemId !== itemId,
    );
    expect(missed).toEqual([]);
    if (index.engine === "hnsw") {
      expect(index.numPoints).toBe(296);
      expect(index.quality.efSearch).toBe(100);
      expect(index.quality.hnswRecallAt10).toBeGreaterThan(0.99);
    }
  });
});
