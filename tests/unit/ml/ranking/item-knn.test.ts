import {
  ItemKnn,
  type ItemKnnConfig,
  itemNeighbours,
} from "../../../../src/ml/ranking/item-knn.js";
import { loadRecommender } from "../../../../src/ml/ranking/load-recommender.js";
import type { RankingData } from "../../../../src/ml/ranking/recommender.js";
import { describeRecommender } from "../../../contracts/recommender.contract.js";

describeRecommender("ItemKNN", {
  create: () => new ItemKnn({ numNeighbours: 12 }),
  load: loadRecommender,
  isPersonal: true,
  lossTerm: null,
});

const data: RankingData = {
  numUsers: 5,
  numItems: 4,
  train: [
    [0, 1],
    [0, 1, 2],
    [1, 2],
    [2, 3],
    [0, 3],
  ].map(items => Int32Array.from(items)),
};

async function similarities(config: Partial<ItemKnnConfig>, of = data): Promise<number[][]> {
  const all = { numNeighbours: 3, shrinkage: 0, weighting: "none" as const, ...config };
  const { rowStarts, columns, values } = await itemNeighbours(of, all);
  return Array.from({ length: 4 }, (_, j) => {
    const row = [0, 0, 0, 0];
    for (let e = rowStarts[j]; e < rowStarts[j + 1]; e++) {
      row[columns[e]] = values[e];
    }
    return row;
  });
}

/*
 * The expected similarities are NumPy 2's, with X the dense matrix of `data` and W its weighting:
 *   n = np.linalg.norm(W, axis=0); S = W.T @ W / (np.outer(n, n) + shrinkage); np.fill_diagonal(S, 0)
 */
describe("itemNeighbours", () => {
  it("have the cosine with shrinkage", async () => {
    expect(await similarities({ shrinkage: 1 })).toBeAllclose([
      [0, 0.5, 0.25, 0.289898],
      [0.5, 0, 0.5, 0],
      [0.25, 0.5, 0, 0.289898],
      [0.289898, 0, 0.289898, 0],
    ]);
  });

  it("weigh by tf-idf", async () => {
    // idf = np.log(4 / (1 + X.sum(1))), so the user with three of four items counts nothing: W = X * idf[:, None]
    expect(await similarities({ weighting: "tfIdf" })).toBeAllclose([
      [0, 0.5, 0, 0.5],
      [0.5, 0, 0.5, 0],
      [0, 0.5, 0, 0.5],
      [0.5, 0, 0.5, 0],
    ]);
  });

  it("weigh by BM25", async () => {
    // L = X.sum(0); W = X * 2.2 / (X + 1.2 * (0.2 + 0.8 * L / L.mean())) * idf[:, None]
    expect(await similarities({ weighting: "bm25", shrinkage: 0.5 })).toBeAllclose([
      [0, 0.117229, 0, 0.132738],
      [0.117229, 0, 0.117229, 0],
      [0, 0.117229, 0, 0.132738],
      [0.132738, 0, 0.132738, 0],
    ]);
  });

  it("are the nearest alone", async () => {
    const nearest = await similarities({ shrinkage: 1, numNeighbours: 1 });
    expect(nearest.map(row => row.filter(value => value > 0).length)).toEqual([1, 1, 1, 1]);
    expect(nearest[0][1]).toBeCloseTo(0.5);
    expect(nearest[3][0]).toBeCloseTo(0.289898); // a tie goes to the lower item
  });

  it("take the strengths as entries of X", async () => {
    const strengths = data.train.map(items => new Float32Array(items.length).fill(1));
    strengths[1].fill(0);
    const without = { ...data, train: data.train.with(1, new Int32Array(0)) };
    expect(await similarities({}, { ...data, strengths })).toEqual(await similarities({}, without));
  });
});

describe("ItemKnn", () => {
  it("scores by the similarities to the history's items", async () => {
    const model = new ItemKnn({ numNeighbours: 1, shrinkage: 1, weighting: "none" });
    await model.fit(data);
    // The one neighbour of items 0 and 2 is 1, of 1 and 3 it is 0.
    expect([...model.scoreHistory([0, 1])]).toBeAllclose([0.5, 0.5, 0.5, 0.289898]);
    expect([...model.score(0)]).toEqual([...model.scoreHistory([0, 1])]);
  });

  it("refuses to rank before it was trained", () => {
    expect(() => new ItemKnn().score(0)).toThrow("call fit or load first");
  });
});
