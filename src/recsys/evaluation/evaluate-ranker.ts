/**
 * @file Evaluates a ranking model on held-out items: full ranking, no sampling.
 *
 * Users are processed in blocks: one matrix product gives a block's scores of all items where the model has vectors,
 * masked items become NaN, which `topK` never selects, and a heap finds the best few without sorting the rest.
 */
import { AppError } from "../../errors/app-error.js";
import {
  coverage,
  giniIndex,
  novelty,
  recommendationCounts,
} from "../../ml/metrics/beyond-accuracy.js";
import {
  hitAt,
  mapAt,
  mrrAt,
  ndcgAt,
  ndcgRetrievedAt,
  precisionAt,
  recallAt,
  type RankingMetric,
} from "../../ml/metrics/ranking-metrics.js";
import { gatherRows, type Matrix, matrix, row } from "../../ml/nn/matrix.js";
import { topK } from "../../ml/nn/top-k.js";
import type { DenseKernels } from "../../ml/ranking/dense-kernels.js";

/** By `<metric>@<cut-off>`, such as `recall@20`; fractions 0..1, except novelty, in bits. */
export type RankerMetrics = Record<string, number>;

/** Means over users, by the same names; null where nothing was measured. */
export type MeanMetrics = Record<string, number | null>;

export interface RankerEvaluation {
  /** Means over the users below. */
  metrics: MeanMetrics;
  /** The users with held-out items; the others do not count in the means. */
  userIndices: number[];
  /** Each user's own values, in the order of `userIndices`, for paired tests. */
  byUser: RankerMetrics[];
  /** Each such user's best items down to the deepest cut-off, best first. */
  rankings: number[][];
}

/** A model to evaluate. */
export interface RankableModel {
  /** Scores of all items; `[N]`. */
  score(userIndex: number): Float32Array;
  /** When scores are dot products of these: `[M, D]` and `[N, D]`. */
  readonly allVectors?: { userVectors: Matrix; itemVectors: Matrix };
}

export interface EvaluationOptions {
  /** By name. Default: recall and NDCG. */
  metrics?: Readonly<Record<string, RankingMetric>>;
  /** Default: 10 and 20. */
  cutoffs?: readonly number[];
  /** Multiplies a block of users with all items. Default: the model's own `score`, user by user. */
  kernels?: Pick<DenseKernels, "matMul">;
}

/** Every metric of one user's ranking; `ndcgRetrieved` only for comparison with the official MICRO's figures. */
export const allRankingMetrics = {
  recall: recallAt,
  ndcg: ndcgAt,
  precision: precisionAt,
  hit: hitAt,
  mrr: mrrAt,
  map: mapAt,
  ndcgRetrieved: ndcgRetrievedAt,
} satisfies Record<string, RankingMetric>;

export const DEFAULT_CUTOFFS = [10, 20] as const;

/** Scores in memory at once: 16 MB. */
const MAX_BLOCK_SCORES = 2 ** 22;

/**
 * Ranks all items but those in `masks` for every user with held-out items.
 *
 * @param heldOut Items to find, by user.
 * @param masks Items that do not compete, by user: `[train]` on validation, `[train, validation]` on test.
 */
export async function evaluateRanker(
  model: RankableModel,
  heldOut: readonly Int32Array[],
  masks: readonly (readonly Int32Array[])[],
  options: EvaluationOptions = {},
): Promise<RankerEvaluation> {
  const { metrics = { recall: recallAt, ndcg: ndcgAt }, cutoffs = DEFAULT_CUTOFFS } = options;
  const userIndices = [...heldOut.keys()].filter(user => heldOut[user].length > 0);
  const rankings = await rankingsOf(model, userIndices, masks, {
    depth: Math.max(...cutoffs),
    kernels: options.kernels,
  });
  const byUser = userIndices.map((user, place): RankerMetrics => {
    const relevant = new Set(heldOut[user]);
    return Object.fromEntries(
      Object.entries(metrics).flatMap(([name, metric]) =>
        cutoffs.map(k => [`${name}@${k}`, metric(rankings[place], relevant, k)]),
      ),
    );
  });
  const names = Object.keys(metrics).flatMap(name => cutoffs.map(k => `${name}@${k}`));
  return { metrics: meanMetrics(byUser, names), userIndices, byUser, rankings };
}

/** The mean of each named metric. */
export function meanMetrics(
  byUser: readonly RankerMetrics[],
  names: readonly string[],
): MeanMetrics {
  const mean = (name: string) =>
    byUser.length === 0 ? null : byUser.reduce((sum, own) => sum + own[name], 0) / byUser.length;
  return Object.fromEntries(names.map(name => [name, mean(name)]));
}

/** The same if every metric was measured. @throws AppError NOTHING_TO_VALIDATE otherwise. */
export function measuredMetrics(metrics: MeanMetrics): RankerMetrics {
  for (const value of Object.values(metrics)) {
    if (value === null) {
      throw new AppError("NOTHING_TO_VALIDATE");
    }
  }
  return metrics as RankerMetrics;
}

/** Coverage, Gini index and novelty of rankings, by the metric's name and cut-off. */
export function beyondAccuracy(
  rankings: readonly (readonly number[])[],
  { train, numItems }: { train: readonly Int32Array[]; numItems: number },
  cutoffs: readonly number[] = DEFAULT_CUTOFFS,
): MeanMetrics {
  const chosen = new Int32Array(numItems);
  train.forEach(items => items.forEach(item => chosen[item]++));
  return Object.fromEntries(
    cutoffs.flatMap(k => {
      const counts = recommendationCounts(rankings, numItems, k);
      const isMeasured = rankings.length > 0;
      return [
        [`coverage@${k}`, isMeasured ? coverage(counts) : null],
        [`gini@${k}`, isMeasured ? giniIndex(counts) : null],
        [`novelty@${k}`, isMeasured ? novelty(counts, chosen, train.length) : null],
      ];
    }),
  );
}

async function rankingsOf(
  model: RankableModel,
  userIndices: readonly number[],
  masks: readonly (readonly Int32Array[])[],
  { depth, kernels }: { depth: number; kernels?: Pick<DenseKernels, "matMul"> },
): Promise<number[][]> {
  const rankings: number[][] = [];
  for (let start = 0; start < userIndices.length;) {
    const block = await blockScores(model, userIndices.slice(start), kernels);
    const [size] = block.shape;
    for (let place = 0; place < size; place++) {
      const scores = row(block, place);
      for (const mask of masks) {
        for (const item of mask[userIndices[start + place]]) {
          scores[item] = NaN;
        }
      }
      rankings.push(topK(scores, depth));
    }
    start += size;
  }
  return rankings;
}

/** Scores of as many users as fit into a block, at least one; in its own memory. */
async function blockScores(
  model: RankableModel,
  users: readonly number[],
  kernels: Pick<DenseKernels, "matMul"> | undefined,
): Promise<Matrix> {
  const { allVectors } = model;
  if (!kernels || !allVectors) {
    const scores = model.score(users[0]).slice();
    return matrix([1, scores.length], scores);
  }
  const { userVectors, itemVectors } = allVectors;
  const size = Math.max(1, Math.floor(MAX_BLOCK_SCORES / itemVectors.shape[0]));
  const block = gatherRows(userVectors, users.slice(0, size));
  return kernels.matMul(block, itemVectors, { b: true });
}
