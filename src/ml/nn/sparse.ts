/**
 * @file Sparse matrices in compressed rows (CSR), their products and the products' gradients.
 *
 * Graph propagation and embedding lookups use these because the gradient of `tf.gather` (a segment sum) is missing from
 * the WASM backend and thousands of times slower than this loop on the CPU backend.
 *
 * Shapes: A is [R, C] sparse, x is [C, D] dense.
 */
import * as tf from "@tensorflow/tfjs";
import { type Matrix, matrix } from "./matrix.js";
import type { CsrMatrix } from "./matrix.type.js";
import { simdSparseProduct } from "./simd-kernels.js";

export type { CsrMatrix };

export type Entry = readonly [row: number, column: number, value: number];

/** A sparse matrix of the given entries; adds up repeated positions. */
export function csrMatrix(
  entries: readonly Entry[],
  shape: readonly [rows: number, columns: number],
): CsrMatrix {
  return csrFromPlaces(
    {
      rows: Int32Array.from(entries, ([row]) => row),
      columns: Int32Array.from(entries, ([, column]) => column),
      values: Float32Array.from(entries, ([, , value]) => value),
    },
    shape,
  );
}

/** The same from one array per part, for millions of entries. */
export function csrFromPlaces(
  { rows, columns, values }: { rows: Int32Array; columns: Int32Array; values: Float32Array },
  shape: readonly [rows: number, columns: number],
): CsrMatrix {
  const [R, C] = shape;
  for (let e = 0; e < rows.length; e++) {
    if (!(rows[e] >= 0 && rows[e] < R && columns[e] >= 0 && columns[e] < C)) {
      throw new Error(
        `csrFromPlaces: expected places within [${shape}], got [${rows[e]},${columns[e]}]`,
      );
    }
  }
  // Rows in any column order, then transposed twice: a counting sort leaves each row's columns ascending.
  const starts = startsOf(rows, R);
  const next = starts.slice();
  const unordered = {
    shape,
    rowStarts: starts,
    columns: new Int32Array(rows.length),
    values: new Float32Array(rows.length),
  };
  for (let e = 0; e < rows.length; e++) {
    const place = next[rows[e]]++;
    unordered.columns[place] = columns[e];
    unordered.values[place] = values[e];
  }
  return withoutRepeats(transposed(transposed(unordered)));
}

/** `Σ_p weight_p A_p` of matrices of one shape. */
export function weightedSum(
  parts: readonly { matrix: CsrMatrix; weight: number }[],
  shape: readonly [rows: number, columns: number],
): CsrMatrix {
  const length = parts.reduce((sum, { matrix: { values } }) => sum + values.length, 0);
  const rows = new Int32Array(length);
  const columns = new Int32Array(length);
  const values = new Float32Array(length);
  let at = 0;
  for (const { matrix: part, weight } of parts) {
    for (let r = 0; r < shape[0]; r++) {
      for (let e = part.rowStarts[r]; e < part.rowStarts[r + 1]; e++, at++) {
        rows[at] = r;
        columns[at] = part.columns[e];
        values[at] = weight * part.values[e];
      }
    }
  }
  return csrFromPlaces({ rows, columns, values }, shape);
}

/** The start of each of `count` buckets when `keys` are sorted into them; `[count + 1]`. */
function startsOf(keys: Int32Array, count: number): Int32Array {
  const starts = new Int32Array(count + 1);
  for (const key of keys) {
    starts[key + 1]++;
  }
  for (let b = 0; b < count; b++) {
    starts[b + 1] += starts[b];
  }
  return starts;
}

/** Adds up entries of one position, where each row's columns ascend. */
function withoutRepeats({ shape, rowStarts, columns, values }: CsrMatrix): CsrMatrix {
  const starts = new Int32Array(rowStarts.length);
  let kept = 0;
  for (let r = 0; r < shape[0]; r++) {
    for (let e = rowStarts[r]; e < rowStarts[r + 1]; e++) {
      if (kept > starts[r] && columns[kept - 1] === columns[e]) {
        values[kept - 1] += values[e];
      } else {
        columns[kept] = columns[e];
        values[kept] = values[e];
        kept++;
      }
    }
    starts[r + 1] = kept;
  }
  return {
    shape,
    rowStarts: starts,
    columns: columns.slice(0, kept),
    values: values.slice(0, kept),
  };
}

/** `Aᵀ`. */
export function transposed({ shape: [R, C], rowStarts, columns, values }: CsrMatrix): CsrMatrix {
  const starts = startsOf(columns, C);
  const next = starts.slice();
  const rows = new Int32Array(columns.length);
  const moved = new Float32Array(values.length);
  for (let r = 0; r < R; r++) {
    for (let e = rowStarts[r]; e < rowStarts[r + 1]; e++) {
      const place = next[columns[e]]++;
      rows[place] = r;
      moved[place] = values[e];
    }
  }
  return { shape: [C, R], rowStarts: starts, columns: rows, values: moved };
}

/**
 * `A x` on plain arrays; `[R, C] x [C, D] -> [R, D]`.
 *
 * @param result Written to. Default: a new matrix.
 */
export function sparseProduct(
  a: CsrMatrix,
  x: Matrix,
  result = matrix([a.shape[0], x.shape[1]]),
): Matrix {
  const [R, C] = a.shape;
  const D = x.shape[1];
  if (x.shape[0] !== C) {
    throw new Error(`sparseProduct: A is [${a.shape}], so x must have ${C} rows, got [${x.shape}]`);
  }
  if (simdSparseProduct(a, x, result.values)) {
    return result;
  }
  const { rowStarts, columns, values } = a;
  const source = x.values;
  const target = result.values;
  const D8 = D - (D % 8);
  for (let r = 0; r < R; r++) {
    const start = rowStarts[r];
    const end = rowStarts[r + 1];
    // Eight sums at a time stay in registers: about twice as fast as summing in memory.
    for (let d = 0; d < D8; d += 8) {
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let s4 = 0;
      let s5 = 0;
      let s6 = 0;
      let s7 = 0;
      for (let e = start; e < end; e++) {
        const weight = values[e];
        const from = columns[e] * D + d;
        s0 += weight * source[from];
        s1 += weight * source[from + 1];
        s2 += weight * source[from + 2];
        s3 += weight * source[from + 3];
        s4 += weight * source[from + 4];
        s5 += weight * source[from + 5];
        s6 += weight * source[from + 6];
        s7 += weight * source[from + 7];
      }
      const to = r * D + d;
      target[to] = s0;
      target[to + 1] = s1;
      target[to + 2] = s2;
      target[to + 3] = s3;
      target[to + 4] = s4;
      target[to + 5] = s5;
      target[to + 6] = s6;
      target[to + 7] = s7;
    }
    for (let d = D8; d < D; d++) {
      let sum = 0;
      for (let e = start; e < end; e++) {
        sum += values[e] * source[columns[e] * D + d];
      }
      target[r * D + d] = sum;
    }
  }
  return result;
}

/** `A x`, differentiable in `x`; `[R, C] x [C, D] -> [R, D]`. */
export function sparseMatMul(a: CsrMatrix, x: tf.Tensor2D): tf.Tensor2D {
  if (x.shape[0] !== a.shape[1]) {
    throw new Error(
      `sparseMatMul: A has shape [${a.shape}], so x must have ${a.shape[1]} rows, got [${x.shape}]`,
    );
  }
  const product = tf.customGrad(input => ({
    value: multiply(a, input as tf.Tensor2D),
    gradFunc: (dy: tf.Tensor) => multiply(transposed(a), dy as tf.Tensor2D),
  }));
  return product(x) as tf.Tensor2D; // customGrad loses the rank
}

function multiply(a: CsrMatrix, x: tf.Tensor2D): tf.Tensor2D {
  const values = x.dataSync<"float32">();
  const product = sparseProduct(a, matrix([x.shape[0], x.shape[1]], values));
  return tf.tensor2d(product.values, [product.shape[0], product.shape[1]]);
}
