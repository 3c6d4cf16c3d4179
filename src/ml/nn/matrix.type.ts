/** @file The shapes of matrices, apart from their arithmetic: the SIMD kernels below it read them too. */

/** A dense matrix, row by row. */
export interface Matrix {
  readonly shape: readonly [rows: number, columns: number];
  readonly values: Float32Array;
}

/** A sparse matrix: row `r` holds entries `rowStarts[r]` up to `rowStarts[r + 1]` of `columns` and `values`, by ascending column. */
export interface CsrMatrix {
  readonly shape: readonly [rows: number, columns: number];
  readonly rowStarts: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float32Array;
}
