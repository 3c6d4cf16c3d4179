/**
 * @file Bayesian personalized ranking: a chosen item should score above an unchosen one.
 *
 * S. Rendle et al., "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009.
 *
 * ```
 * L = mean_b softplus(-(u·i⁺ - u·i⁻)) + λ · ½ Σ_b (||u||² + ||i⁺||² + ||i⁻||²) / B
 * ```
 *
 * Shapes: M users, N items, D embedding size, B triples.
 */
import { type Matrix, stackedMatrices } from "../nn/matrix.js";

/** `[B]` each: a user, an item it chose, one it did not. */
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
  const [dUsers, dItems] = stackedMatrices([users.shape[0], items.shape[0]], D);
  const result: BprLoss = { bpr: 0, l2: 0, dUsers, dItems };
  const decay = l2Weight / B;
  const U = users.values;
  const I = items.values;
  for (let b = 0; b < B; b++) {
    // By offsets: six views of rows cost more than their arithmetic.
    const atUser = triples.users[b] * D;
    const atChosen = triples.positives[b] * D;
    const atOther = triples.negatives[b] * D;
    let margin = 0;
    let squares = 0;
    for (let d = 0; d < D; d++) {
      const u = U[atUser + d];
      const i = I[atChosen + d];
      const j = I[atOther + d];
      margin += u * (i - j);
      squares += u * u + i * i + j * j;
    }
    const slope = -sigmoid(-margin) / B;
    result.bpr += softplus(-margin) / B;
    result.l2 += (decay / 2) * squares;
    for (let d = 0; d < D; d++) {
      const u = U[atUser + d];
      const i = I[atChosen + d];
      const j = I[atOther + d];
      dUsers.values[atUser + d] += slope * (i - j) + decay * u;
      dItems.values[atChosen + d] += slope * u + decay * i;
      dItems.values[atOther + d] += decay * j - slope * u;
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
