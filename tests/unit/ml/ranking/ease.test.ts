/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { matrix, row } from "../../../../src/ml/nn/matrix.js";
import { Ease, easeWeights } from "../../../../src/ml/ranking/ease.js";
import { loadRecommender } from "../../../../src/ml/ranking/load-recommender.js";
import type { RankingData } from "../../../../src/ml/ranking/recommender.js";
import { describeRecommender } from "../../../contracts/recommender.contract.js";

describeRecommender("EASE", {
  create: () => new Ease({ lambda: 5 }),
  load: loadRecommender,
  isPersonal: true,
  lossTerm: null,
});

/** Five users, four items. */
const lists = (...users: number[][]) => users.map(items => Int32Array.from(items));
const data: RankingData = {
  numUsers: 5,
  numItems: 4,
  train: lists([0, 1], [0, 1, 2], [1, 2], [2, 3], [0, 3]),
};

/*
 * The expected weights are NumPy 2's, with X the dense matrix of `data`:
 *   P = np.linalg.inv(X.T @ X + G + 2 * np.eye(4)); B = -P / np.diag(P); np.fill_diagonal(B, 0)
 */
describe("easeWeights", () => {
  it("are NumPy's solution", async () => {
    const weights = await easeWeights(data, { lambda: 2 });
    expect(weights.shape).toEqual([4, 4]);
    expect([...weights.values]).toBeAllclose(
      [
        [0, 0.363636, -0.012658, 0.227273],
        [0.405063, 0, 0.405063, -0.181818],
        [-0.012658, 0.363636, 0, 0.227273],
        [0.253165, -0.181818, 0.253165, 0],
      ].flat(),
      { atol: 1e-6 },
    );
  });

  it("take the strengths as the entries of X", async () => {
    const strengths = data.train.map(items => new Float32Array(items.length).fill(1));
    strengths[0].fill(2);
    strengths[3][1] = 0.5;
    const weights = await easeWeights({ ...data, strengths }, { lambda: 2 });
    expect([...weights.values]).toBeAllclose(
      [
        [0, 0.616977, -0.088421, 0.211429],
        [0.647826, 0, 0.305263, -0.162857],
        [-0.091304, 0.300207, 0, 0.122857],
        [0.321739, -0.236025, 0.181053, 0],
      ].flat(),
      { atol: 1e-6 },
    );
  });

  it("add the cosines of the centred features, weighted", async () => {
    // G = 3 * C @ C.T, C the rows of F - F.mean(0) divided by their lengths
    const features = matrix([4, 2], Float32Array.from([1, 0, 1, 0.2, 0, 1, 0.1, 0.8]));
    const modalities = [{ name: "visual", features }];
    const weights = await easeWeights({ ...data, modalities }, { lambda: 2, sideWeight: 3 });
    expect([...weights.values]).toBeAllclose(
      [
        [0, 0.572941, -0.271632, 0.115342],
        [0.633852, 0, 0.277507, -0.388898],
        [-0.239079, 0.220779, 0, 0.479001],
        [0.129336, -0.394176, 0.61025, 0],
      ].flat(),
      { atol: 1e-5 },
    );
  });

  it("ignore features by default", async () => {
    const features = matrix([4, 2], Float32Array.from([1, 0, 1, 0.2, 0, 1, 0.1, 0.8]));
    const modalities = [{ name: "visual", features }];
    const weights = await easeWeights({ ...data, modalities }, { lambda: 2 });
    expect(weights).toEqual(await easeWeights(data, { lambda: 2 }));
  });

  it("keep the most chosen items as regressors, and regress the others on them", async () => {
    // Items 0 to 2 have three users each, item 3 two. The last column is
    //   np.linalg.inv((X.T @ X)[:3, :3] + 2 * np.eye(3)) @ (X.T @ X)[:3, 3]
    const weights = await easeWeights(data, { lambda: 2, maxRegressors: 3 });
    expect([...weights.values]).toBeAllclose(
      [
        [0, 0.333333, 0.047619, 0.227273],
        [0.380952, 0, 0.380952, -0.181818],
        [0.047619, 0.333333, 0, 0.227273],
        [0, 0, 0, 0],
      ].flat(),
      { atol: 1e-6 },
    );
  });

  it("stop by throwing the signal's reason", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(easeWeights(data, { signal })).rejects.toThrow("enough");
  });
});

describe("Ease", () => {
  it("scores a user outside of training exactly: the history's row times B", async () => {
    const model = new Ease({ lambda: 2 });
    await model.fit(data);
    const weights = await easeWeights(data, { lambda: 2 });
    const expected = row(weights, 0).map((value, item) => value + row(weights, 2)[item]);
    expect([...model.scoreHistory([0, 2])]).toBeAllclose([...expected], { rtol: 1e-6 });
    expect([...model.score(1)]).toEqual([...model.scoreHistory([0, 1, 2])]);
  });

  it("ranks by the regressors of a history alone, after loading too", async () => {
    const model = new Ease({ lambda: 2, maxRegressors: 3 });
    await model.fit(data);
    const loaded = loadRecommender(model.toFiles());
    expect([...loaded.scoreHistory([3])]).toEqual([0, 0, 0, 0]);
    expect([...loaded.scoreHistory([1, 3])]).toEqual([...model.scoreHistory([1])]);
    // Item 3 is no regressor: only the weights of others on it tell what is similar.
    expect(loaded.similarItems(3, 1)).toMatchObject([{ itemIndex: 0 }]);
  });

  it("gives zeros for an empty history", async () => {
    const model = new Ease();
    await model.fit(data);
    expect([...model.scoreHistory([])]).toEqual([0, 0, 0, 0]);
  });

  it("reports the recall on validation items", async () => {
    // With two train items masked, both others are among the first 20.
    const validation = lists([2], [3], [], [], []);
    expect(await new Ease().fit({ ...data, validation })).toEqual({
      epoch: 1,
      validationRecall: 1,
    });
  });

  it("names lambda when the weights have no solution", async () => {
    // Two identical items and a regularization below double precision.
    const twins = { numUsers: 1, numItems: 2, train: lists([0, 1]) };
    await expect(new Ease({ lambda: 1e-30 }).fit(twins)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("lambda must be larger") as string,
    });
  });

  it("refuses to rank before it was trained", () => {
    expect(() => new Ease().score(0)).toThrow("call fit or load first");
  });
});
