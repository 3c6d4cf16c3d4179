/**
 * @file The inverse of a symmetric positive definite matrix, by blocks.
 *
 * A matrix in four blocks has its inverse from those of two half as large, the first block and its Schur complement:
 *
 * ```
 * A = [[E, Fᵀ], [F, G]],   T = F E⁻¹,   S = G - T Fᵀ
 * A⁻¹ = [[E⁻¹ + Tᵀ S⁻¹ T, -(S⁻¹ T)ᵀ], [-S⁻¹ T, S⁻¹]]
 * ```
 *
 * Both are positive definite too, so the recursion needs no pivots (G. H. Golub, C. F. Van Loan, "Matrix Computations",
 * 4th ed., 4.2). It ends in small Cholesky factorizations; nearly all the time is in products of large matrices.
 */
import type { DoubleMatrix, DoubleProducts } from "./double-products.js";

/** At most this many rows are inverted by loops. */
const SMALL = 96;

/** Reports that a matrix is not positive definite in double precision. */
export class NotPositiveDefiniteError extends Error {
  constructor() {
    super("inverseOf: expected a positive definite matrix");
    this.name = "NotPositiveDefiniteError";
  }
}

export interface InverseOptions {
  products: DoubleProducts;
  /** Stops between two products by throwing the signal's reason. */
  signal?: AbortSignal;
}

/**
 * The inverse of a symmetric positive definite matrix; `[n, n] -> [n, n]`, symmetric.
 *
 * @throws NotPositiveDefiniteError
 */
export async function inverseOf(a: DoubleMatrix, options: InverseOptions): Promise<DoubleMatrix> {
  const [n] = a.shape;
  options.signal?.throwIfAborted();
  if (n <= SMALL) {
    return { shape: a.shape, values: choleskyInverse(a.values, n) };
  }
  const { products } = options;
  const half = n >> 1;
  const E = block(a, [0, 0], [half, half]);
  const F = block(a, [half, 0], [n - half, half]);
  const inverseE = await inverseOf(E, options);
  const T = await products.multiply(F, inverseE);
  const S = block(a, [half, half], [n - half, n - half]);
  subtract(S.values, (await products.multiply(T, F, { b: true })).values);
  const inverseS = await inverseOf(S, options);
  const ST = await products.multiply(inverseS, T);
  const added = await products.multiply(T, ST, { a: true });
  options.signal?.throwIfAborted();
  return joined(inverseE, added, ST, inverseS);
}

/** The inverse by loops: `A = L Lᵀ`, then `A⁻¹ = L⁻ᵀ L⁻¹`; `n` squared values, row by row. */
export function choleskyInverse(a: Float64Array, n: number): Float64Array {
  const L = Float64Array.from(a);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = L[i * n + j];
      for (let k = 0; k < j; k++) {
        sum -= L[i * n + k] * L[j * n + k];
      }
      if (i === j && !(sum > 0)) {
        throw new NotPositiveDefiniteError();
      }
      L[i * n + j] = i === j ? Math.sqrt(sum) : sum / L[j * n + j];
    }
  }
  // L⁻¹ in place, row by row: L W = I.
  for (let i = 0; i < n; i++) {
    const pivot = 1 / L[i * n + i];
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let k = j; k < i; k++) {
        sum += L[i * n + k] * L[k * n + j];
      }
      L[i * n + j] = -sum * pivot;
    }
    L[i * n + i] = pivot;
  }
  const inverse = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    for (let i = 0; i <= k; i++) {
      for (let j = 0; j <= i; j++) {
        inverse[i * n + j] += L[k * n + i] * L[k * n + j];
      }
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      inverse[j * n + i] = inverse[i * n + j];
    }
  }
  return inverse;
}

/** A copy of the block that starts at `[row, column]`. */
function block(
  { shape, values }: DoubleMatrix,
  [row, column]: readonly [number, number],
  [rows, columns]: readonly [number, number],
): DoubleMatrix {
  const result = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    const start = (row + r) * shape[1] + column;
    result.set(values.subarray(start, start + columns), r * columns);
  }
  return { shape: [rows, columns], values: result };
}

function subtract(target: Float64Array, other: Float64Array): void {
  for (let at = 0; at < target.length; at++) {
    target[at] -= other[at];
  }
}

/** The four blocks of the inverse; both diagonal blocks are made symmetric to the last bit. */
function joined(
  inverseE: DoubleMatrix,
  added: DoubleMatrix,
  ST: DoubleMatrix,
  inverseS: DoubleMatrix,
): DoubleMatrix {
  const half = inverseE.shape[0];
  const rest = inverseS.shape[0];
  const n = half + rest;
  const values = new Float64Array(n * n);
  for (let i = 0; i < half; i++) {
    for (let j = 0; j <= i; j++) {
      const sum = inverseE.values[i * half + j] + added.values[i * half + j];
      values[i * n + j] = sum;
      values[j * n + i] = sum;
    }
  }
  for (let i = 0; i < rest; i++) {
    for (let j = 0; j < half; j++) {
      const value = -ST.values[i * half + j];
      values[(half + i) * n + j] = value;
      values[j * n + half + i] = value;
    }
    values.set(inverseS.values.subarray(i * rest, (i + 1) * rest), (half + i) * n + half);
  }
  return { shape: [n, n], values };
}
