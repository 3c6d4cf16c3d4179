/**
 * @file Bayesian personalized ranking: a chosen item should score above one that was not.
 *
 * S. Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009.
 *
 * ```
 * L = mean_b softplus(-(u·i⁺ - u·i⁻)) + λ · ½ Σ_b (||u||² + ||i⁺||² + ||i⁻||²) / B
 * ```
 *
 * Shapes: M users, N items, D embedding size, B triples.
 */
import { dot, type Matrix, row, stackedMatrices } from "../nn/shape.js";

/** `[B]` each: a user, an item it chose, an item it did not. */
export interface Triples {
  users: Int32Array;
  positives: Int32Array;
  negatives: Int32Array;
}

export interface BprLoss {
  /** The first term. */
  bpr: number;
  /** The second term, λ included. */
  l2: number;
  /** At the users, `[M, D]`. */
  dUsers: Matrix;
  /** At the items, `[N, D]`. */
  dItems: Matrix;
}

/** The loss and its gradient; `l2Weight` is λ. */
export function bprLoss(users: Matrix, items: Matrix, triples: Triples, l2Weight: number): BprLoss {
  const B = triples.users.length;
  const D = users.shape[1];
  const [dUsers, dItems] = stackedMatrices(users.shape[0], items.shape[0], D);
  const result: BprLoss = { bpr: 0, l2: 0, dUsers, dItems };
  const decay = l2Weight / B;
  for (let b = 0; b < B; b++) {
    const u = row(users, triples.users[b]);
    const chosen = row(items, triples.positives[b]);
    const other = row(items, triples.negatives[b]);
    const margin = dot(u, chosen) - dot(u, other);
    const slope = -sigmoid(-margin) / B;
    result.bpr += softplus(-margin) / B;
    result.l2 += (decay / 2) * (dot(u, u) + dot(chosen, chosen) + dot(other, other));
    const dUser = row(result.dUsers, triples.users[b]);
    const dChosen = row(result.dItems, triples.positives[b]);
    const dOther = row(result.dItems, triples.negatives[b]);
    for (let d = 0; d < D; d++) {
      dUser[d] += slope * (chosen[d] - other[d]) + decay * u[d];
      dChosen[d] += slope * u[d] + decay * chosen[d];
      dOther[d] += -slope * u[d] + decay * other[d];
    }
  }
  return result;
}

/** `ln(1 + e^x)`, finite where `e^x` is not. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** `1 / (1 + e^-x)`. */
export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}
