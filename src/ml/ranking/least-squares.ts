/**
 * @file The normal equations of iALS, one small system for each user or item; see `ials.ts`.
 *
 * ```
 * (α G + Σ_j s_j v_j v_jᵀ + λ f I) w = Σ_j s_j v_j,   G = VᵀV,   f = (n + α |V|)^ν
 * ```
 *
 * over the chosen j, their strengths s and vectors v, the rows of V. Solved by Cholesky in double precision.
 *
 * Shapes: M users, N items, D embedding size, |V| rows of V.
 */
import { type Matrix, row } from "../nn/matrix.js";
import type { RankingData } from "./recommender.js";

export interface LeastSquares {
  /** α. */
  unobservedWeight: number;
  /** λ. */
  l2Weight: number;
  /** ν. */
  frequencyExponent: number;
  /** G `[D, D]`, row by row. */
  gram: Float64Array;
}

/** The chosen rows of V, with their strengths. */
export interface Chosen {
  items: Int32Array;
  weights: ArrayLike<number>;
}

/** What each user chose, or which users chose each item. */
export function chosenBy(
  { train, strengths, numItems }: RankingData,
  side: "user" | "item",
): Chosen[] {
  const strengthOf = (user: number, n: number) => strengths?.[user][n] ?? 1;
  if (side === "user") {
    return train.map((items, user) => ({
      items,
      weights: Float32Array.from(items, (_, n) => strengthOf(user, n)),
    }));
  }
  const users = Array.from({ length: numItems }, (): number[] => []);
  const weights = Array.from({ length: numItems }, (): number[] => []);
  train.forEach((items, user) =>
    items.forEach((item, n) => {
      users[item].push(user);
      weights[item].push(strengthOf(user, n));
    }),
  );
  return users.map((own, item) => ({ items: Int32Array.from(own), weights: weights[item] }));
}

/** `VᵀV`; `[D, D]`, row by row. */
export function gramOf({ shape: [rows, D], values }: Matrix): Float64Array {
  const gram = new Float64Array(D * D);
  for (let r = 0, start = 0; r < rows; r++, start += D) {
    for (let a = 0; a < D; a++) {
      const value = values[start + a];
      for (let b = 0; b <= a; b++) {
        gram[a * D + b] += value * values[start + b];
      }
    }
  }
  for (let a = 0; a < D; a++) {
    for (let b = 0; b < a; b++) {
      gram[b * D + a] = gram[a * D + b];
    }
  }
  return gram;
}

/** How strongly a vector with `count` interactions is regularized: `λ f`. */
function penalty(count: number, numOthers: number, system: Omit<LeastSquares, "gram">): number {
  const { frequencyExponent, l2Weight, unobservedWeight } = system;
  return l2Weight * (count + unobservedWeight * numOthers) ** frequencyExponent;
}

/** The solution for one set of choices; `[D]`. Zeros without choices. */
export function solveVector(
  { items, weights }: Chosen,
  others: Matrix,
  system: LeastSquares,
): Float32Array {
  const [numOthers, D] = others.shape;
  const a = new Float64Array(D * D);
  const b = new Float64Array(D);
  for (let at = 0; at < a.length; at++) {
    a[at] = system.unobservedWeight * system.gram[at];
  }
  const diagonal = penalty(items.length, numOthers, system);
  for (let d = 0; d < D; d++) {
    a[d * D + d] += diagonal;
  }
  const V = others.values;
  for (let n = 0; n < items.length; n++) {
    const start = items[n] * D;
    for (let d = 0; d < D; d++) {
      const value = weights[n] * V[start + d];
      b[d] += value;
      for (let e = 0; e <= d; e++) {
        a[d * D + e] += value * V[start + e];
      }
    }
  }
  return solvedByCholesky(a, b);
}

/** Solves for rows `start` up to `end` of the targets, in place. */
export function solveRows(
  targets: Matrix,
  [start, end]: readonly [number, number],
  { chosen, others, system }: { chosen: readonly Chosen[]; others: Matrix; system: LeastSquares },
): void {
  for (let r = start; r < end; r++) {
    row(targets, r).set(solveVector(chosen[r], others, system));
  }
}

/** `A⁻¹ b` of a symmetric positive definite A, of which the lower half is read; overwrites both. */
function solvedByCholesky(a: Float64Array, b: Float64Array): Float32Array {
  const D = b.length;
  for (let i = 0; i < D; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * D + j];
      for (let k = 0; k < j; k++) {
        sum -= a[i * D + k] * a[j * D + k];
      }
      a[i * D + j] = i === j ? Math.sqrt(sum) : sum / a[j * D + j];
    }
  }
  for (let i = 0; i < D; i++) {
    for (let k = 0; k < i; k++) {
      b[i] -= a[i * D + k] * b[k];
    }
    b[i] /= a[i * D + i];
  }
  for (let i = D - 1; i >= 0; i--) {
    for (let k = i + 1; k < D; k++) {
      b[i] -= a[k * D + i] * b[k];
    }
    b[i] /= a[i * D + i];
  }
  return Float32Array.from(b);
}

/** The loss in two parts; `squared` has the chosen and all pairs. */
export function squaredLoss(
  { users, items }: { users: Matrix; items: Matrix },
  { byUser, byItem }: { byUser: readonly Chosen[]; byItem: readonly Chosen[] },
  system: Omit<LeastSquares, "gram">,
): { squared: number; l2: number } {
  const norm = (vector: Float32Array) => vector.reduce((sum, value) => sum + value * value, 0);
  const D = users.shape[1];
  let squared = 0;
  let l2 = 0;
  byUser.forEach(({ items: own, weights }, user) => {
    const vector = row(users, user);
    own.forEach((item, n) => {
      let score = 0;
      for (let d = 0; d < D; d++) {
        score += vector[d] * items.values[item * D + d];
      }
      squared += weights[n] * (score - 1) ** 2;
    });
    l2 += penalty(own.length, items.shape[0], system) * norm(vector);
  });
  byItem.forEach(({ items: own }, item) => {
    l2 += penalty(own.length, users.shape[0], system) * norm(row(items, item));
  });
  // Σ_{u,i} (u·i)² is the sum of the products of both Gram matrices' entries.
  const [ofUsers, ofItems] = [gramOf(users), gramOf(items)];
  const all = ofUsers.reduce((sum, value, at) => sum + value * ofItems[at], 0);
  return { squared: squared + system.unobservedWeight * all, l2 };
}
