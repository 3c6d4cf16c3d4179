/**
 * @file Ridge regression without an intercept, its strength by cross-validation over groups.
 *
 * `W = (XᵀX + λ n I)⁻¹ XᵀY` (A. E. Hoerl, R. W. Kennard, "Ridge Regression", 1970), with λ per row, so that one grid serves
 * all numbers of rows. A fold's rows are taken from the sums of all rows, so each row is multiplied out once.
 *
 * Shapes: n rows, F features, O outputs.
 */
import { type Matrix, matrix, row } from "../nn/matrix.js";

export interface RidgeData {
  /** `[n, F]`. */
  inputs: Matrix;
  /** `[n, O]`. */
  outputs: Matrix;
  /** Rows of one group, such as a user's, are held out together; `[n]`. */
  groups: readonly number[];
}

export interface Ridge {
  /** W; `[F, O]`. */
  weights: Matrix;
  lambda: number;
  /** Share of the held-out rows' squares that is explained, 1 at best; at most 0: nothing is learned. */
  heldOutR2: number;
}

const NUM_FOLDS = 5;
/** In mean squares of a feature. */
const STRENGTHS = [1e-3, 1e-2, 0.1, 1, 10, 100];

/** XᵀX and XᵀY of some rows, and the sum of the outputs' squares. */
interface Sums {
  xx: Float64Array;
  xy: Float64Array;
  yy: number;
  n: number;
}

/** The fit to all rows with the strength that explains held-out groups best. @throws Error without rows or with one group. */
export function ridgeByGroups({ groups, inputs, outputs }: RidgeData): Ridge {
  const [n, F] = inputs.shape;
  const O = outputs.shape[1];
  const places = new Map([...new Set(groups)].map((group, place) => [group, place % NUM_FOLDS]));
  if (n !== outputs.shape[0] || n !== groups.length || places.size < 2) {
    throw new Error(
      `ridgeByGroups: expected rows of at least 2 groups, got ${n} of ${places.size}`,
    );
  }
  const folds = Array.from({ length: Math.min(NUM_FOLDS, places.size) }, () => sumsOf(F, O));
  for (let at = 0; at < n; at++) {
    addRow(folds[places.get(groups[at])!], row(inputs, at), row(outputs, at));
  }
  const all = folds.reduce((sum, fold) => combined(sum, fold, 1), sumsOf(F, O));
  const scale = diagonalMean(all.xx, F) / n || 1;
  let best = { lambda: scale * STRENGTHS[0], heldOutR2: -Infinity };
  for (const strength of STRENGTHS) {
    const lambda = strength * scale;
    const left = folds.reduce((sum, fold) => {
      const others = combined(all, fold, -1);
      return sum + squaredError(fold, solved(others, lambda, [F, O]), [F, O]);
    }, 0);
    const heldOutR2 = all.yy > 0 ? 1 - left / all.yy : 0;
    if (heldOutR2 > best.heldOutR2) {
      best = { lambda, heldOutR2 };
    }
  }
  const weights = Float32Array.from(solved(all, best.lambda, [F, O]));
  return { ...best, weights: matrix([F, O], weights) };
}

function sumsOf(F: number, O: number): Sums {
  return { xx: new Float64Array(F * F), xy: new Float64Array(F * O), yy: 0, n: 0 };
}

/** Adds to the lower triangle of XᵀX. */
function addRow(sums: Sums, x: Float32Array, y: Float32Array): void {
  const F = x.length;
  const O = y.length;
  for (let f = 0; f < F; f++) {
    const own = x[f];
    if (own !== 0) {
      for (let g = 0; g <= f; g++) {
        sums.xx[f * F + g] += own * x[g];
      }
      for (let o = 0; o < O; o++) {
        sums.xy[f * O + o] += own * y[o];
      }
    }
  }
  sums.yy += y.reduce((sum, value) => sum + value * value, 0);
  sums.n++;
}

function combined(a: Sums, b: Sums, sign: 1 | -1): Sums {
  return {
    xx: a.xx.map((value, at) => value + sign * b.xx[at]),
    xy: a.xy.map((value, at) => value + sign * b.xy[at]),
    yy: a.yy + sign * b.yy,
    n: a.n + sign * b.n,
  };
}

function diagonalMean(xx: Float64Array, F: number): number {
  let sum = 0;
  for (let f = 0; f < F; f++) {
    sum += xx[f * F + f];
  }
  return sum / F;
}

/** `(XᵀX + λ n I)⁻¹ XᵀY` by Cholesky's factors; `[F, O]`. */
function solved({ n, xx, xy }: Sums, lambda: number, [F, O]: readonly [number, number]) {
  const lower = xx.slice();
  for (let f = 0; f < F; f++) {
    lower[f * F + f] += lambda * n;
  }
  for (let i = 0; i < F; i++) {
    for (let j = 0; j <= i; j++) {
      let value = lower[i * F + j];
      for (let k = 0; k < j; k++) {
        value -= lower[i * F + k] * lower[j * F + k];
      }
      lower[i * F + j] = i === j ? Math.sqrt(value) : value / lower[j * F + j];
    }
  }
  const weights = xy.slice();
  for (let o = 0; o < O; o++) {
    for (let i = 0; i < F; i++) {
      for (let k = 0; k < i; k++) {
        weights[i * O + o] -= lower[i * F + k] * weights[k * O + o];
      }
      weights[i * O + o] /= lower[i * F + i];
    }
    for (let i = F - 1; i >= 0; i--) {
      for (let k = i + 1; k < F; k++) {
        weights[i * O + o] -= lower[k * F + i] * weights[k * O + o];
      }
      weights[i * O + o] /= lower[i * F + i];
    }
  }
  return weights;
}

/** `||Y - X W||²` of the rows behind the sums. */
function squaredError(
  { xx, xy, yy }: Sums,
  weights: Float64Array,
  [F, O]: readonly [number, number],
) {
  let error = yy;
  for (let f = 0; f < F; f++) {
    for (let o = 0; o < O; o++) {
      error -= 2 * weights[f * O + o] * xy[f * O + o];
    }
    for (let g = 0; g <= f; g++) {
      let product = 0;
      for (let o = 0; o < O; o++) {
        product += weights[f * O + o] * weights[g * O + o];
      }
      error += (f === g ? 1 : 2) * xx[f * F + g] * product;
    }
  }
  return error;
}
