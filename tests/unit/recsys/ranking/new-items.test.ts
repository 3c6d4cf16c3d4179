import { NewItems } from "../../../../src/recsys/ranking/new-items.js";
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
