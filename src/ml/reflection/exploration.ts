/**
 * @file The policy's noise ε_t (Eq. 11): in all directions, or in those in which the generator's image tokens vary.
 *
 * In M = Q D dimensions r draws say little about any one direction, and most directions match no image. With a basis V
 * `[K, M]` of orthonormal rows the noise is `sqrt(M / K) Vᵀ V ε`, ε ~ N(0, I_M): its mean square is still 1, and `-||a -
 * μ||² / (2 σ² M)` is still its log-density, now per dimension of the K (V ε ~ N(0, I_K)).
 *
 * Shapes: S samples, M dimensions, K directions.
 */
import { addScaled, dot, type Matrix, matrix, row } from "../nn/matrix.js";
import { type Random } from "../nn/random.js";

/** P^gen of one pair as a Gaussian policy (Eq. 11). */
export interface Policy {
  /** μ = P^gen; `[N, D]`, row by row. */
  mean: Float32Array;
  shape: readonly [tokens: number, D: number];
  /** σ, the standard deviation of a perturbed coordinate. */
  sigma: number;
  /** How many leading tokens the noise perturbs. */
  numMovedTokens: number;
  /** Directions of the noise as orthonormal rows; `[K, numMovedTokens D]`. Null: all directions. */
  directions: Matrix | null;
}

/** Rounds of subspace iteration; only the directions' span matters, so they need not be exact. */
const NUM_ROUNDS = 12;

/**
 * The K principal directions of the samples about their mean, by subspace iteration (G. H. Golub, C. F. Van Loan, "Matrix
 * Computations", section 8.2.4); `[S, M] -> [K, M]`, orthonormal rows.
 *
 * @throws Error when there are not K independent directions.
 */
export function principalDirections(samples: Matrix, count: number, random: Random): Matrix {
  const [S, M] = samples.shape;
  const mean = new Float32Array(M);
  for (let s = 0; s < S; s++) {
    addScaled(mean, row(samples, s), 1 / S);
  }
  const centred = matrix([S, M], samples.values.slice());
  for (let s = 0; s < S; s++) {
    addScaled(row(centred, s), mean, -1);
  }
  let basis = orthonormalized(matrix([count, M], random.normals(count * M)));
  for (let round = 0; round < NUM_ROUNDS; round++) {
    const next = matrix([count, M]);
    for (let s = 0; s < S; s++) {
      const sample = row(centred, s);
      for (let k = 0; k < count; k++) {
        addScaled(row(next, k), sample, dot(row(basis, k), sample));
      }
    }
    basis = orthonormalized(next);
  }
  return basis;
}

/**
 * Shapes standard normal noise for the policy: its first `length` values, or with directions V their projection `sqrt(M
 * / K) Vᵀ V ε`; `[length]`.
 */
export function shapedNoise(
  noise: Float32Array,
  length: number,
  directions: Matrix | null,
): Float32Array {
  const used = noise.subarray(0, length);
  if (!directions) {
    return used;
  }
  const [K, M] = directions.shape;
  if (M !== length) {
    throw new Error(`shapedNoise: expected directions of ${length} columns, got ${M}`);
  }
  const result = new Float32Array(length);
  for (let k = 0; k < K; k++) {
    const direction = row(directions, k);
    addScaled(result, direction, Math.sqrt(M / K) * dot(direction, used));
  }
  return result;
}

/** `a = μ + σ ε` (Eq. 11 and 12): the condition of a rollout's image. @param noise Standard normal, as long as the mean. */
export function explored(
  { directions, mean, numMovedTokens, shape, sigma }: Policy,
  noise: Float32Array,
): Float32Array {
  const shaped = shapedNoise(noise, numMovedTokens * shape[1], directions);
  const action = mean.slice();
  addScaled(action.subarray(0, shaped.length), shaped, sigma);
  return action;
}

/** Gram-Schmidt, twice per row for precision. */
function orthonormalized(rows: Matrix): Matrix {
  const result = matrix(rows.shape, rows.values.slice());
  for (let k = 0; k < rows.shape[0]; k++) {
    const own = row(result, k);
    const before = Math.sqrt(dot(own, own));
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < k; j++) {
        addScaled(own, row(result, j), -dot(row(result, j), own));
      }
    }
    const length = Math.sqrt(dot(own, own));
    if (!(length > 1e-5 * before)) {
      throw new Error(
        `principalDirections: expected ${rows.shape[0]} independent directions, got ${k}`,
      );
    }
    own.forEach((value, d) => (own[d] = value / length));
  }
  return result;
}
