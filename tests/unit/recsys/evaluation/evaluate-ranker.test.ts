import { hitAt } from "../../../../src/ml/metrics/ranking-metrics.js";
import { evaluateRanker } from "../../../../src/recsys/evaluation/evaluate-ranker.js";

const lists = (...items: number[][]) => items.map(list => Int32Array.from(list));
/** Scores items by rising index: 0 is the best. */
const model = { score: () => Float32Array.from([9, 8, 7, 6, 5]) };

describe("evaluateRanker()", () => {
  it("leaves masked items out of the ranking", async () => {
    // Item 3 is fourth of five; with 0 and 1 masked it is second.
    const evaluate = (mask: number[]) =>
      evaluateRanker(model, lists([3]), [lists(mask)], { metrics: { hit: hitAt }, cutoffs: [2] });
    expect((await evaluate([])).metrics).toEqual({ "hit@2": 0 });
    expect((await evaluate([0, 1])).metrics).toEqual({ "hit@2": 1 });
  });

  it("joins the masks of train and validation", async () => {
    const { metrics } = await evaluateRanker(model, lists([2]), [lists([0]), lists([1])], {
      cutoffs: [1],
    });
    expect(metrics).toEqual({ "recall@1": 1, "ndcg@1": 1 });
  });

  it("averages over the users who have something to find", async () => {
    const evaluation = await evaluateRanker(model, lists([0], [], [4]), [], { cutoffs: [1] });
    expect(evaluation.userIndices).toEqual([0, 2]);
    expect(evaluation.byUser.map(own => own["recall@1"])).toEqual([1, 0]);
    expect(evaluation.metrics["recall@1"]).toBe(0.5);
  });

  it("is zero when nobody has anything to find", async () => {
    expect((await evaluateRanker(model, lists([]), [], { cutoffs: [1] })).metrics).toEqual({
      "recall@1": 0,
      "ndcg@1": 0,
    });
  });
});
