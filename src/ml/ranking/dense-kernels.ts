/**
 * @file The interface of the dense operations that dominate MICRO's time.
 *
 * `onnx-kernels.ts` implements it: ONNX Runtime multiplies matrices three times as fast as TensorFlow.js's WASM
 * backend.
 *
 * Shapes: T rows of a tile, N items, D embedding size.
 */
import type { Matrix } from "../nn/matrix.js";

export interface Neighbours {
  /** `[T, k]`, nearest first; ties by ascending index. */
  indices: Int32Array;
  /** `[T, k]`. */
  similarities: Float32Array;
}

export interface ContrastTile {
  /** `[T]`: Σ_j e^{s_tj} minus the anchor's own term. */
  denominators: Float32Array;
  /** `[T, D]`: (Σ_j e^{s_tj} keys_j - 2 e^{s_tt} anchors_t) / denominator_t. */
  rowGradient: Matrix;
  /** `[K, D]`: Σ_t e^{s_tj} anchors_t / denominator_t. */
  columnProduct: Matrix;
}

/** The attention's linear map and query. */
export interface AttentionParameters {
  /** W `[D, D]`. */
  weight: Matrix;
  /** b `[D]`. */
  bias: Float32Array;
  /** v `[D]`. */
  query: Float32Array;
}

export interface Attention {
  /** t = tanh(E W + b) `[N, D]`. */
  hidden: Matrix;
  /** t · v `[N]`. */
  scores: Float32Array;
}

export interface AttentionGradient extends AttentionParameters {
  /** At E `[N, D]`. */
  view: Matrix;
}

export interface DenseKernels {
  readonly name: string;

  /** `op(a) op(b)`, where `op` transposes on request. */
  matMul(a: Matrix, b: Matrix, transpose?: { a?: boolean; b?: boolean }): Promise<Matrix>;

  /** The `k` rows of `keys` with the highest dot product for each row of `queries`; `[T, D], [N, D] -> [T, k]`. */
  nearest(queries: Matrix, keys: Matrix, k: number): Promise<Neighbours>;

  /**
   * One tile of the contrastive loss and its gradient, with `s = anchors keysᵀ / temperature`; the keys are the loss's
   * two views stacked, unit rows or zeros; `[T, D], [K, D]`.
   */
  contrast(anchors: Matrix, keys: Matrix, temperature: number): Promise<ContrastTile>;

  /** The attention scores of one view E `[N, D]`, before the softmax. */
  attention(view: Matrix, parameters: AttentionParameters): Promise<Attention>;

  /** The gradients of {@link attention}, given those at its scores `[N]`. */
  attentionGradient(
    view: Matrix,
    parameters: AttentionParameters,
    hidden: Matrix,
    dScores: Float32Array,
  ): Promise<AttentionGradient>;

  dispose(): Promise<void>;
}
