/** @file How well a ranking model finds the items that were kept from it. */
import { ndcgAt, recallAt, type RankingMetric } from "../../ml/metrics/ranking-metrics.js";
import { topK } from "../../ml/nn/top-k.js";

/** By `<metric>@<cut-off>`, such as `recall@20`; fractions 0..1. */
export type RankerMetrics = Record<string, number>;

export interface RankerEvaluation {
  /** Means over the users below. */
  metrics: RankerMetrics;
  /** The users with items to find; the others are left out of the means. */
  userIndices: number[];
  /** Each user's own values, in the order of `userIndices`: what a paired bootstrap needs. */
  byUser: RankerMetrics[];
}

export interface EvaluationOptions {
  /** By name. Default: recall and NDCG. */
  metrics?: Readonly<Record<string, RankingMetric>>;
  /** Default: 10 and 20. */
  cutoffs?: readonly number[];
}

/**
 * Ranks all items for every user who has some to find, without those in `masks`.
 *
 * @param heldOut Items to find, by user.
 * @param masks Items that do not compete, by user: `[train]` on validation, `[train, validation]` on test.
 */
export function evaluateRanker(
  model: { score(userIndex: number): Float32Array },
  heldOut: readonly Int32Array[],
  masks: readonly (readonly Int32Array[])[],
  options: EvaluationOptions = {},
): RankerEvaluation {
  const { metrics = { recall: recallAt, ndcg: ndcgAt }, cutoffs = [10, 20] } = options;
  const deepest = Math.max(...cutoffs);
  const userIndices: number[] = [];
  const byUser: RankerMetrics[] = [];
  heldOut.forEach((items, user) => {
    if (items.length === 0) {
      return;
    }
    const masked = new Set(masks.flatMap(mask => [...mask[user]]));
    const ranking = topK(model.score(user), deepest, item => masked.has(item));
    const relevant = new Set(items);
    userIndices.push(user);
    byUser.push(
      Object.fromEntries(
        Object.entries(metrics).flatMap(([name, metric]) =>
          cutoffs.map(k => [`${name}@${k}`, metric(ranking, relevant, k)]),
        ),
      ),
    );
  });
  const names = Object.keys(metrics).flatMap(name => cutoffs.map(k => `${name}@${k}`));
  const mean = (name: string) =>
    byUser.length === 0 ? 0 : byUser.reduce((sum, own) => sum + own[name], 0) / byUser.length;
  return {
    metrics: Object.fromEntries(names.map(name => [name, mean(name)])),
    userIndices,
    byUser,
  };
}
