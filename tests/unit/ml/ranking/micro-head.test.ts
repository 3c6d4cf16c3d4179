import { row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import type { MicroConfig } from "../../../../src/ml/ranking/micro-config.js";
import { Micro } from "../../../../src/ml/ranking/micro.js";
import { hasFeatureGradient, type Viewer } from "../../../../src/ml/ranking/recommender.js";
import { checkerboard } from "../../../contracts/recommender.contract.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const small: Partial<MicroConfig> = {
  embeddingSize: 8,
  learningRate: 0.02,
  batchSize: 64,
  numEpochs: 5,
  graphs: "frozen",
  contrast: { kind: "anchors", count: 8 },
  visualHead: { size: 4, weight: 1, l2: 1e-4 },
};

const data = checkerboard();
const [{ features }] = data.modalities!;

async function fitted(changes: Partial<MicroConfig> = {}, given = data): Promise<Micro> {
  const model = new Micro({ ...small, ...changes }, async () => new PlainKernels());
  await model.fit(given);
  return model;
}

describe("MICRO's visual head", () => {
  const viewers: Viewer[] = [{ userIndex: 3 }, { history: [2, 4, 5], strengths: [1, 0.5, 0.2] }];
  const target = { itemIndex: 6, modality: "visual" };
  const before = row(features, 6);
  const after = before.map((value, f) => value + new Random(4).normals(6)[f]);

  it.each(viewers)("changes a what-if by its gradient for %j", async viewer => {
    // One neighbour is the item itself, whatever its image: the item graph does not answer.
    const model = await fitted({ numNeighbours: 1 });
    const gradient = model.featureGradient(viewer, "visual");
    const [a, b] = model.whatIf(viewer, target, [before, after]);
    const expected = after.reduce((sum, value, f) => sum + (value - before[f]) * gradient[f], 0);
    expect(b - a).toBeAllclose(expected, { rtol: 1e-3, atol: 1e-5 });
    expect(Math.abs(b - a)).toBeGreaterThan(1e-3);
    const none = await fitted({ numNeighbours: 1, visualHead: null });
    const [c, d] = none.whatIf(viewer, target, [before, after]);
    expect(d).toBe(c);
  });

  it("gives users with other histories other gradients", async () => {
    const model = await fitted();
    const [a, b] = [{ history: [0, 2, 4] }, { history: [1, 3, 5] }].map(viewer =>
      model.featureGradient(viewer, "visual"),
    );
    expect([...a]).not.toEqual([...b]);
  });

  it("learns from the images: the gradient of who chose even items points to their images", async () => {
    const model = await fitted({ numEpochs: 30 });
    // The first two components of an image tell even from odd items (recommender.contract.ts).
    for (let user = 0; user < 20; user += 2) {
      const even = model.featureGradient({ userIndex: user }, "visual");
      const odd = model.featureGradient({ userIndex: user + 1 }, "visual");
      expect(even[0] - even[1]).toBeGreaterThan(odd[0] - odd[1]);
    }
  });

  it("has a gradient at images only, and none without a head or without images", async () => {
    const model = await fitted();
    expect(hasFeatureGradient(model, "visual")).toBe(true);
    expect(hasFeatureGradient(model, "textual")).toBe(false);
    expect(() => model.featureGradient({ userIndex: 0 }, "textual")).toThrow("got 'textual'");
    expect(hasFeatureGradient(await fitted({ visualHead: null }), "visual")).toBe(false);
    const captions = { ...data, modalities: data.modalities!.slice(1) };
    const withoutImages = await fitted({}, captions);
    expect(hasFeatureGradient(withoutImages, "visual")).toBe(false);
    expect(withoutImages.score(0).every(Number.isFinite)).toBe(true);
  });

  it("is exact in a rebuild too, for a change of another modality as well", async () => {
    const model = await fitted({ numNeighbours: 1 });
    for (const { name, features: own } of data.modalities!) {
      const candidate = row(own, 6).map(value => value + 1);
      const changed = { itemIndex: 6, modality: name };
      const viewer = { userIndex: 3 };
      const exact = await model.exactWhatIf(viewer, { ...changed, candidate });
      const [fast] = model.whatIf(viewer, changed, [candidate]);
      expect(fast).toBeAllclose(exact[6], { rtol: 1e-4, atol: 1e-5 });
    }
  });

  it("loads a model saved before there was a head", async () => {
    const model = await fitted({ visualHead: null });
    const files = model.toFiles();
    const text = new TextDecoder().decode(files["config.json"]);
    const config = JSON.parse(text) as { config: Record<string, unknown> };
    delete config.config.visualHead;
    const older = { ...files, "config.json": new TextEncoder().encode(JSON.stringify(config)) };
    const loaded = Micro.fromFiles(older);
    expect([...loaded.score(4)]).toEqual([...model.score(4)]);
    expect(loaded.config.visualHead).toBeNull();
  });

  it("scores and asks what-if the same after saving and loading", async () => {
    const model = await fitted();
    const loaded = Micro.fromFiles(model.toFiles());
    for (const viewer of viewers) {
      expect(loaded.whatIf(viewer, target, [after])).toEqual(model.whatIf(viewer, target, [after]));
      expect([...loaded.featureGradient(viewer, "visual")]).toEqual([
        ...model.featureGradient(viewer, "visual"),
      ]);
    }
  });
});
