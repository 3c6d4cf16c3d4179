/**
 * @file Vectors as a few standardised coordinates: their principal components.
 *
 * Shapes: S samples, M their width, K components.
 */
import { addScaled, dot, type Matrix, row } from "../nn/matrix.js";
import { Random } from "../nn/random.js";
import { principalDirections } from "./exploration.js";

export interface PrincipalComponents {
  /** `[M]`. */
  mean: Float32Array;
  /** Orthonormal rows; `[K, M]`. */
  directions: Matrix;
  /** Standard deviation of the samples along each direction; `[K]`. */
  spreads: Float32Array;
}

/** The first `count` components of samples; fewer where there are fewer. `[S, M]`. */
export function principalComponents(samples: Matrix, count: number): PrincipalComponents {
  const [S, M] = samples.shape;
  const mean = new Float32Array(M);
  for (let s = 0; s < S; s++) {
    addScaled(mean, row(samples, s), 1 / S);
  }
  const most = Math.max(1, Math.min(count, S - 1, M));
  const directions = principalDirections(samples, most, new Random(0).fork("components"));
  const spreads = Float32Array.from({ length: most }, (_, k) => {
    const direction = row(directions, k);
    const centre = dot(direction, mean);
    let sum = 0;
    for (let s = 0; s < S; s++) {
      sum += (dot(direction, row(samples, s)) - centre) ** 2;
    }
    return Math.sqrt(sum / S);
  });
  return { mean, directions, spreads };
}

/** Coordinates of a vector in standard deviations of the samples; `[M] -> [K]`. */
export function componentsOf(
  { directions, mean, spreads }: PrincipalComponents,
  vector: Float32Array,
): Float32Array {
  const centred = vector.slice();
  addScaled(centred, mean, -1);
  return Float32Array.from(
    spreads,
    (spread, k) => dot(row(directions, k), centred) / (spread || 1),
  );
}
