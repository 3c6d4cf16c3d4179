/** @file Dense matrices as plain typed arrays, with their checks. */
import type { Matrix } from "./matrix.type.js";
import {
  simdAddScaled,
  simdAddWeightedRows,
  simdNormalizedRowsGradient,
  simdNormalizeRows,
  simdRowDots,
} from "./simd-loops.js";

export type { Matrix };

/** A matrix over `values`, which it shares. Default: zeros. */
export function matrix(
  shape: readonly [rows: number, columns: number],
  values: Float32Array = new Float32Array(shape[0] * shape[1]),
): Matrix {
  assertLength("matrix", values, shape[0] * shape[1]);
  return { shape, values };
}

/** Row `index`, sharing the matrix's memory. */
export function row({ shape: [, D], values }: Matrix, index: number): Float32Array {
  return values.subarray(index * D, (index + 1) * D);
}

/** Rows `start` up to `end` (exclusive), sharing the matrix's memory. */
export function rowRange({ shape: [, D], values }: Matrix, start: number, end: number): Matrix {
  return matrix([end - start, D], values.subarray(start * D, end * D));
}

/** A copy of the rows `indices`, in that order. */
export function gatherRows(source: Matrix, indices: ArrayLike<number>): Matrix {
  const D = source.shape[1];
  const result = matrix([indices.length, D]);
  for (let i = 0; i < indices.length; i++) {
    result.values.set(row(source, indices[i]), i * D);
  }
  return result;
}

/** A matrix of `numRows` rows: those of `source` at `indices`, the others zeros. */
export function scattered(source: Matrix, indices: ArrayLike<number>, numRows: number): Matrix {
  const result = matrix([numRows, source.shape[1]]);
  for (let i = 0; i < indices.length; i++) {
    row(result, indices[i]).set(row(source, i));
  }
  return result;
}

/** The matrices stacked, read-only: shares their memory where they are contiguous (see {@link stackedMatrices}). */
export function stackRows(...parts: readonly Matrix[]): Matrix {
  const [first] = parts;
  const D = first.shape[1];
  const numRows = parts.reduce((sum, { shape }) => sum + shape[0], 0);
  const { buffer, byteOffset } = first.values;
  let end = byteOffset;
  let areBehind = true;
  for (const { shape, values } of parts) {
    if (shape[1] !== D) {
      const shapes = parts.map(part => `[${part.shape}]`).join(", ");
      throw new Error(`stackRows: expected equal widths, got ${shapes}`);
    }
    areBehind &&= values.buffer === buffer && values.byteOffset === end;
    end += values.byteLength;
  }
  if (areBehind) {
    return matrix([numRows, D], new Float32Array(buffer, byteOffset, numRows * D));
  }
  const result = matrix([numRows, D]);
  let at = 0;
  for (const { values } of parts) {
    result.values.set(values, at);
    at += values.length;
  }
  return result;
}

/** Zero matrices of one width, contiguous in memory. */
export function stackedMatrices(numRows: readonly number[], columns: number): Matrix[] {
  const all = matrix([numRows.reduce((sum, rows) => sum + rows, 0), columns]);
  let end = 0;
  return numRows.map(rows => {
    end += rows;
    return rowRange(all, end - rows, end);
  });
}

/** The matrices side by side; `[N, D1], [N, D2], .. -> [N, D1 + D2 + ..]`. */
export function joinedColumns(...parts: readonly Matrix[]): Matrix {
  const [N] = parts[0].shape;
  const width = parts.reduce((sum, { shape }) => sum + shape[1], 0);
  const result = matrix([N, width]);
  let start = 0;
  for (const { shape, values } of parts) {
    assertLength("joinedColumns", values, N * shape[1]);
    for (let i = 0, at = 0; i < N; i++) {
      for (let d = 0; d < shape[1]; d++, at++) {
        result.values[i * width + start + d] = values[at];
      }
    }
    start += shape[1];
  }
  return result;
}

/** A copy of the columns `start` up to `end` (exclusive). */
export function columnRange({ shape: [N, D], values }: Matrix, start: number, end: number): Matrix {
  const result = matrix([N, end - start]);
  for (let i = 0, at = 0; i < N; i++) {
    for (let d = start; d < end; d++, at++) {
      result.values[at] = values[i * D + d];
    }
  }
  return result;
}

export function assertLength(where: string, values: ArrayLike<unknown>, expected: number): void {
  if (values.length !== expected) {
    throw new Error(`${where}: expected ${expected} values, got ${values.length}`);
  }
}

/** `Σ_d a_d b_d`. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) {
    sum += a[d] * b[d];
  }
  return sum;
}

/** `target += scale · source`, in place. */
export function addScaled(target: Float32Array, source: Float32Array, scale: number): void {
  if (simdAddScaled(target, source, scale)) {
    return;
  }
  for (let d = 0; d < target.length; d++) {
    target[d] += scale * source[d];
  }
}

// The loops below use offsets: a view of every row costs more than its arithmetic.

/** Each row divided by its Euclidean length; a row of zeros stays zero. */
export function normalizedRows(source: Matrix): Matrix {
  const result = matrix(source.shape);
  normalizeRowsInto(source, result.values);
  return result;
}

/** Writes {@link normalizedRows} to `target`. */
export function normalizeRowsInto(source: Matrix, target: Float32Array): void {
  if (simdNormalizeRows(source, target)) {
    return;
  }
  const {
    shape: [N, D],
    values,
  } = source;
  for (let i = 0, start = 0; i < N; i++, start += D) {
    let squared = 0;
    for (let at = start; at < start + D; at++) {
      squared += values[at] * values[at];
    }
    const scale = squared > 0 ? 1 / Math.sqrt(squared) : 0;
    for (let at = start; at < start + D; at++) {
      target[at] = values[at] * scale;
    }
  }
}

/**
 * Writes to `dx` the gradient at `x`, given `dn` at `n = x / ||x||`: `scale (dn - n (n · dn)) / ||x||`; zeros for a row
 * of zeros, which has no direction. `dx` may be `dn`.
 *
 * @param scale Default: 1.
 */
export function normalizedRowsGradientInto(x: Matrix, dn: Matrix, dx: Matrix, scale = 1): void {
  if (simdNormalizedRowsGradient(x, dn, dx, scale)) {
    return;
  }
  const {
    shape: [N, D],
    values,
  } = x;
  for (let i = 0, start = 0; i < N; i++, start += D) {
    let squared = 0;
    let along = 0;
    for (let at = start; at < start + D; at++) {
      squared += values[at] * values[at];
      along += values[at] * dn.values[at];
    }
    const inverse = squared > 0 ? scale / Math.sqrt(squared) : 0;
    const share = squared > 0 ? along / squared : 0;
    for (let at = start; at < start + D; at++) {
      dx.values[at] = (dn.values[at] - values[at] * share) * inverse;
    }
  }
}

/** `a_i · b_i` of every row; `[N, D], [N, D] -> [N]`. */
export function rowDots(a: Matrix, b: Matrix): Float32Array {
  const [N, D] = a.shape;
  const result = new Float32Array(N);
  if (simdRowDots(a, b, result)) {
    return result;
  }
  for (let i = 0, at = 0; i < N; i++) {
    let sum = 0;
    for (let d = 0; d < D; d++, at++) {
      sum += a.values[at] * b.values[at];
    }
    result[i] = sum;
  }
  return result;
}

/** `target_i += weights_i source_i`, in place; `[N, D], [N, D], [N]`. */
export function addWeightedRows(target: Matrix, source: Matrix, weights: Float32Array): void {
  if (simdAddWeightedRows(target, source, weights)) {
    return;
  }
  const [N, D] = target.shape;
  for (let i = 0, at = 0; i < N; i++) {
    for (let d = 0; d < D; d++, at++) {
      target.values[at] += weights[i] * source.values[at];
    }
  }
}
