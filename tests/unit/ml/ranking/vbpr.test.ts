import { matrix, row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { loadRecommender } from "../../../../src/ml/ranking/load-recommender.js";
import {
  hasFeatureGradient,
  type RankingData,
  type Viewer,
} from "../../../../src/ml/ranking/recommender.js";
import { Vbpr } from "../../../../src/ml/ranking/vbpr.js";
import { checkerboard, describeRecommender } from "../../../contracts/recommender.contract.js";
import { memoryCheckpoint } from "../../../helpers/memory-checkpoint.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const small = {
  embeddingSize: 8,
  featureSize: 4,
  learningRate: 0.05,
  batchSize: 64,
  numEpochs: 40,
};

const create = (changes: object = {}) =>
  new Vbpr({ ...small, ...changes }, async () => new PlainKernels());

describeRecommender("VBPR", {
  create: () => create(),
  load: loadRecommender,
  isPersonal: true,
  isInductive: true,
});

describe("Vbpr", () => {
  const data = checkerboard();
  const [{ features }] = data.modalities!;
  let model: Vbpr;

  beforeAll(async () => {
    model = create({ numEpochs: 10 });
    await model.fit(data);
  });

  const viewers: Viewer[] = [{ userIndex: 3 }, { history: [2, 4, 5], strengths: [1, 0.5, 0.2] }];

  it.each(viewers)("gives an item's own feature its own score for %j", viewer => {
    const scores =
      "history" in viewer
        ? model.scoreHistory(viewer.history, viewer.strengths)
        : model.score(viewer.userIndex);
    for (const itemIndex of [0, 7, 19]) {
      const target = { itemIndex, modality: "visual" };
      const [score] = model.whatIf(viewer, target, [row(features, itemIndex)]);
      expect(score).toBeAllclose(scores[itemIndex], { rtol: 1e-5, atol: 1e-5 });
    }
  });

  it.each(viewers)("has a what-if that changes by its gradient for %j", viewer => {
    const target = { itemIndex: 6, modality: "visual" };
    const gradient = model.featureGradient(viewer, "visual");
    expect(gradient).toHaveLength(6);
    const before = row(features, 6);
    const change = new Random(4).normals(6);
    const after = before.map((value, f) => value + change[f]);
    const [a, b] = model.whatIf(viewer, target, [before, after]);
    const expected = change.reduce((sum, value, f) => sum + value * gradient[f], 0);
    expect(b - a).toBeAllclose(expected, { rtol: 1e-3, atol: 1e-4 });
  });

  it("has a gradient at the features it was trained on", () => {
    expect(hasFeatureGradient(model, "visual")).toBe(true);
    expect(hasFeatureGradient(model, "textual")).toBe(true);
    expect(hasFeatureGradient(model, "audio")).toBe(false);
    expect(() => model.featureGradient({ userIndex: 0 }, "audio")).toThrow("expected a modality");
  });

  it("scores an item without any feature by what it learned of its choices alone", async () => {
    const without = (): RankingData => {
      const empty = matrix(features.shape, features.values.slice());
      row(empty, 5).fill(0);
      return { ...data, modalities: [{ name: "visual", features: empty }] };
    };
    const other = create({ numEpochs: 3 });
    await other.fit(without());
    const target = { itemIndex: 5, modality: "visual" };
    const [score] = other.whatIf({ userIndex: 1 }, target, [new Float32Array(6)]);
    expect(score).toBeAllclose(other.score(1)[5], { atol: 1e-6 });
    other.dispose();
  });

  it("folds in a trained user close to how it was trained", () => {
    // Centred and scaled by least squares: the folded-in scores of a user's own items agree in size.
    const trained = model.score(3);
    const folded = model.scoreHistory([...data.train[3]]);
    const spread = (scores: Float32Array) => Math.max(...scores) - Math.min(...scores);
    expect(spread(folded) / spread(trained)).toBeGreaterThan(0.5);
    expect(spread(folded) / spread(trained)).toBeLessThan(2);
  });

  it("resumes to the same bytes", async () => {
    const config = { numEpochs: 6 };
    const whole = create(config);
    await whole.fit(data);
    const checkpoint = memoryCheckpoint({ everyEpochs: 2 });
    const stop = new AbortController();
    const onEpoch = ({ epoch }: { epoch: number }) => epoch === 3 && stop.abort();
    await create(config)
      .fit(data, { checkpoint, onEpoch, signal: stop.signal })
      .catch(() => undefined);
    const resumed = create(config);
    await resumed.fit(data, { checkpoint });
    expect(resumed.toFiles()).toEqual(whole.toFiles());
  });

  it("asks for features where there are none", async () => {
    const none = create().fit({ ...data, modalities: [] });
    await expect(none).rejects.toMatchObject({ code: "EMBEDDINGS_MISSING" });
  });
});
