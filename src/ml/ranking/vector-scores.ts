/**
 * @file Scores of a model with one vector per user and per item: `ρ = u · i`.
 *
 * Shapes: M users, N items, D embedding size.
 */
import { addScaled, dot, type Matrix, row } from "../nn/matrix.js";
import { topK } from "../nn/top-k.js";
import type { ScoredItem } from "./recommender.js";

/** `u · i` for every item; `[D], [N, D] -> [N]`. */
export function itemScores(user: Float32Array, items: Matrix): Float32Array {
  const [N, D] = items.shape;
  const { values } = items;
  const scores = new Float32Array(N);
  for (let i = 0, at = 0; i < N; i++) {
    let sum = 0;
    for (let d = 0; d < D; d++) {
      sum += user[d] * values[at++];
    }
    scores[i] = sum;
  }
  return scores;
}

/**
 * Fold-in: the vector of an unknown user is the mean of its items' vectors. In LightGCN a user is its own embedding plus
 * a mean of its items; this is the second part.
 *
 * @param strengths Weights of the items, at least one above 0. Default: all equal.
 */
export function foldInVector(
  itemIndices: readonly number[],
  items: Matrix,
  strengths?: readonly number[],
): Float32Array {
  const user = new Float32Array(items.shape[1]);
  const total = strengths?.reduce((sum, strength) => sum + strength, 0) ?? itemIndices.length;
  itemIndices.forEach((item, n) => {
    addScaled(user, row(items, item), (strengths?.[n] ?? 1) / total);
  });
  return user;
}

/** The `k` items with the highest scores, best first. */
export function bestItems(
  scores: Float32Array,
  k: number,
  isExcluded?: (itemIndex: number) => boolean,
): ScoredItem[] {
  return topK(scores, k, isExcluded).map(itemIndex => ({ itemIndex, score: scores[itemIndex] }));
}

/** The `k` items with the highest cosine to `itemIndex`, without itself. */
export function nearestItems(itemIndex: number, k: number, items: Matrix): ScoredItem[] {
  const target = row(items, itemIndex);
  const scores = itemScores(target, items);
  const length = Math.sqrt(dot(target, target));
  for (let i = 0; i < scores.length; i++) {
    const other = row(items, i);
    const product = length * Math.sqrt(dot(other, other));
    scores[i] = product > 0 ? scores[i] / product : 0;
  }
  return bestItems(scores, k, other => other === itemIndex);
}
