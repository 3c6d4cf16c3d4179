import { matrix } from "../../../../src/ml/nn/matrix.js";
import type { MicroConfig } from "../../../../src/ml/ranking/micro-config.js";
import { Micro } from "../../../../src/ml/ranking/micro.js";
import { nearestByFeatures } from "../../../../src/ml/ranking/nearest-by-features.js";
import { checkerboard } from "../../../contracts/recommender.contract.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const visual = {
  name: "visual",
  features: matrix([4, 2], Float32Array.of(10, 10, 12, 10, 10, 12, 0, 0)),
};
const textual = { name: "textual", features: matrix([4, 1], Float32Array.of(5, 7, 7, 6)) };

describe("nearestByFeatures()", () => {
  it("compares features less their mean, and puts an item without the modality in the middle", () => {
    // The mean of the first three images is (10.67, 10.67): item 1 lies to the right of it, item 2 above.
    const nearest = nearestByFeatures([visual], { visual: Float32Array.of(13, 10) });
    expect([...nearest]).toEqual([1, 3, 0, 2]);
  });

  it("adds the cosines of all modalities that the new item has", () => {
    const features = { visual: Float32Array.of(11, 11), textual: Float32Array.of(5.5) };
    expect([...nearestByFeatures([visual, textual], features)][0]).not.toBe(0);
    const { textual: text } = features;
    expect([...nearestByFeatures([visual, textual], { textual: text })][0]).toBe(0);
  });

  it("finds none for an item without features", () => {
    expect([...nearestByFeatures([visual], {})]).toEqual([]);
    expect([...nearestByFeatures([visual], { visual: new Float32Array(2) })]).toEqual([]);
  });
});

describe("MICRO's item-item part of a new item", () => {
  const data = checkerboard();
  const config: Partial<MicroConfig> = {
    embeddingSize: 8,
    batchSize: 64,
    numEpochs: 2,
    graphs: "frozen",
    contrast: { kind: "anchors", count: 8 },
    itemItem: { lambda: 2, sideWeight: 0, weight: 1 },
  };
  const fitted = async (changes: Partial<MicroConfig> = {}) => {
    const model = new Micro({ ...config, ...changes }, async () => new PlainKernels());
    await model.fit(data);
    return model;
  };

  it("is the mean of those of its nearest items", async () => {
    const [model, alone] = [await fitted(), await fitted({ itemItem: null })];
    const viewer = { userIndex: 2 };
    const parts = model.score(2).map((score, item) => score - alone.score(2)[item]);
    const nearest = [Int32Array.of(0, 3), Int32Array.of(8), new Int32Array(0)];
    const expected = [(parts[0] + parts[3]) / 2, parts[8], 0];
    [...model.newItemParts(viewer, nearest)].forEach((value, place) => {
      expect(value).toBeCloseTo(expected[place], 4);
    });
    expect(expected[1]).not.toBe(0);
  });

  it("finds no nearest items where the score has no such part", async () => {
    const features = Object.fromEntries(
      data.modalities!.map(({ name, features: all }) => [name, all.values.slice(0, all.shape[1])]),
    );
    expect((await fitted()).nearestItems(features).length).toBeGreaterThan(0);
    expect((await fitted({ itemItem: null })).nearestItems(features)).toHaveLength(0);
  });
});
