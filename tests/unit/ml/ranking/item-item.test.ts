/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { row } from "../../../../src/ml/nn/matrix.js";
import { Ease } from "../../../../src/ml/ranking/ease.js";
import type { MicroConfig } from "../../../../src/ml/ranking/micro-config.js";
import { Micro } from "../../../../src/ml/ranking/micro.js";
import type { Viewer } from "../../../../src/ml/ranking/recommender.js";
import { hasVectors } from "../../../../src/ml/ranking/vector-recommender.js";
import { checkerboard } from "../../../contracts/recommender.contract.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const data = checkerboard();
const itemItem = { lambda: 5, sideWeight: 2, weight: 0.7 };
const small: Partial<MicroConfig> = {
  embeddingSize: 8,
  learningRate: 0.02,
  batchSize: 64,
  numEpochs: 4,
  graphs: "frozen",
  contrast: { kind: "anchors", count: 8 },
};

async function fitted(changes: Partial<MicroConfig>, given = data): Promise<Micro> {
  const model = new Micro({ ...small, ...changes }, async () => new PlainKernels());
  await model.fit(given);
  return model;
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
}

describe("MICRO's item-item part", () => {
  let plain: Micro;
  let blended: Micro;
  let ease: Ease;

  beforeAll(async () => {
    plain = await fitted({});
    blended = await fitted({ itemItem });
    ease = new Ease({ lambda: itemItem.lambda, sideWeight: itemItem.sideWeight });
    await ease.fit({ ...data, modalities: data.modalities!.slice(1) }); // texts, not images
  });

  const viewers: Viewer[] = [{ userIndex: 3 }, { history: [2, 4, 5], strengths: [1, 0.5, 0.2] }];
  const scoresOf = (model: Micro | Ease, viewer: Viewer) => [
    ...("history" in viewer
      ? model.scoreHistory(viewer.history, viewer.strengths)
      : model.score(viewer.userIndex)),
  ];

  it.each(viewers)("adds the scores of EASE in units of MICRO's for %j", viewer => {
    const m = scoresOf(plain, viewer);
    const e = scoresOf(ease, viewer);
    const scale = (0.7 * deviation(m)) / deviation(e);
    const expected = m.map((score, item) => score + scale * e[item]);
    expect(scoresOf(blended, viewer)).toBeAllclose(expected, { rtol: 1e-4, atol: 1e-5 });
  });

  it.each(viewers)("changes a what-if by what MICRO alone changes it for %j", viewer => {
    const target = { itemIndex: 6, modality: "visual" };
    const images = [6, 7, 9].map(item => row(data.modalities![0].features, item));
    const alone = plain.whatIf(viewer, target, images);
    const both = blended.whatIf(viewer, target, images);
    const differences = both.map((score, c) => score - alone[c]);
    expect(differences).toBeAllclose(Array(3).fill(differences[0]), { rtol: 1e-4, atol: 1e-5 });
    expect(both[0]).toBeAllclose(scoresOf(blended, viewer)[6], { rtol: 1e-4, atol: 1e-5 });
  });

  it("answers viewers in turn as it answers each alone, and after a new training anew", async () => {
    const model = await fitted({ itemItem });
    const first = viewers.map(viewer => scoresOf(model, viewer));
    const history = [2, 4, 5];
    const changing = { history, strengths: [1, 0.5, 0.2] };
    expect(scoresOf(model, changing)).toEqual(first[1]);
    history[0] = 1;
    expect(scoresOf(model, changing)).not.toEqual(first[1]);
    expect(viewers.map(viewer => scoresOf(model, viewer))).toEqual(first);
    const reversed = data.train.map((_, user) => data.train[19 - user]);
    await model.fit({ ...data, train: reversed });
    const other = await fitted({ itemItem }, { ...data, train: reversed });
    expect(scoresOf(model, viewers[0])).toEqual(scoresOf(other, viewers[0]));
  });

  it("has vectors for all only where their products are the scores", () => {
    expect(hasVectors(plain)).toBe(true);
    expect(hasVectors(blended)).toBe(false);
    expect(hasVectors(ease)).toBe(false);
  });

  it("trains for users without choices", async () => {
    const train = data.train.map((items, user) => (user < 2 ? new Int32Array(0) : items));
    const model = await fitted({ itemItem }, { ...data, train });
    expect(model.score(0).every(Number.isFinite)).toBe(true);
  });

  it("trains the same vectors: the part is no term of the loss", () => {
    expect([...blended.userVectorOf({ userIndex: 2 })]).toEqual([
      ...plain.userVectorOf({ userIndex: 2 }),
    ]);
  });
});
