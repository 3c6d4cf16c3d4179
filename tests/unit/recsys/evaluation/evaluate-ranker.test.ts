import { hitAt } from "../../../../src/ml/metrics/ranking-metrics.js";
import { comparePairs, userInterval } from "../../../../src/recsys/evaluation/compare-rankers.js";
import {
  beyondAccuracy,
  evaluateRanker,
  measuredMetrics,
} from "../../../../src/recsys/evaluation/evaluate-ranker.js";

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

  it("averages over the users with held-out items", async () => {
    const evaluation = await evaluateRanker(model, lists([0], [], [4]), [], { cutoffs: [1] });
    expect(evaluation.userIndices).toEqual([0, 2]);
    expect(evaluation.byUser.map(own => own["recall@1"])).toEqual([1, 0]);
    expect(evaluation.metrics["recall@1"]).toBe(0.5);
  });

  it("is null, not 0, without such users", async () => {
    const { metrics, rankings } = await evaluateRanker(model, lists([]), [], { cutoffs: [1] });
    expect(metrics).toEqual({ "recall@1": null, "ndcg@1": null });
    expect(beyondAccuracy(rankings, { train: lists([0]), numItems: 5 }, [1])).toEqual({
      "coverage@1": null,
      "gini@1": null,
      "novelty@1": null,
    });
    expect(userInterval({ name: "m", values: [] }, 1)).toBeNull();
    expect(
      comparePairs(
        [
          { name: "a", values: [] },
          { name: "b", values: [] },
        ],
        1,
      ),
    ).toEqual([]);
    expect(() => measuredMetrics(metrics)).toThrow("No user has an item to validate on");
  });
});
