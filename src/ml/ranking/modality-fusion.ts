/**
 * @file Fuses an item's embeddings of all modalities by attention (MICRO).
 *
 * Notation (name here -> symbol)
 * - views[m]  -> E_m, the item embeddings propagated over the item graph of modality m
 * - hidden    -> t_m = tanh(E_m W + b), of all modalities, stacked
 * - weights   -> α = softmax_m(t_m · v)
 * - fused     -> h = Σ_m α_m E_m
 *
 * Shapes: N items, D embedding size, m modalities.
 */
import {
  addWeightedRows,
  type Matrix,
  matrix,
  row,
  rowDots,
  rowRange,
  stackRows,
} from "../nn/matrix.js";
import type { AttentionParameters, DenseKernels } from "./dense-kernels.js";

/** The query of the attention, shared by the modalities. */
export type FusionParameters = AttentionParameters;

export interface Fusion {
  /** h `[N, D]`. */
  fused: Matrix;
  /** α `[m, N]`. */
  weights: Matrix;
  /** t_m `[mN, D]`. */
  hidden: Matrix;
}

/**
 * Contiguous views are not copied.
 *
 * @param fused Zeros `[N, D]`, to which h is written. Default: new.
 */
export async function fusion(
  views: readonly Matrix[],
  parameters: FusionParameters,
  kernels: DenseKernels,
  fused = matrix(views[0].shape),
): Promise<Fusion> {
  const [N] = views[0].shape;
  const { hidden, scores } = await kernels.attention(stackRows(...views), parameters);
  const weights = matrix([views.length, N], scores);
  softmaxColumnsInPlace(weights);
  views.forEach((view, m) => addWeightedRows(fused, view, row(weights, m)));
  return { fused, weights, hidden };
}

export interface FusionGradient extends FusionParameters {
  /** At E_m `[N, D]`. */
  views: Matrix[];
}

/** The gradients of {@link fusion}, given the one at h. */
export async function fusionGradient(
  views: readonly Matrix[],
  parameters: FusionParameters,
  { weights, hidden, dFused }: Fusion & { dFused: Matrix },
  kernels: DenseKernels,
): Promise<FusionGradient> {
  const [N] = dFused.shape;
  const dScores = scoreGradients(views, weights, dFused);
  const { view: dStacked, ...shared } = await kernels.attentionGradient(
    stackRows(...views),
    parameters,
    hidden,
    dScores.values,
  );
  const dViews = views.map((_, m) => rowRange(dStacked, m * N, (m + 1) * N));
  dViews.forEach((dView, m) => addWeightedRows(dView, dFused, row(weights, m)));
  return { ...shared, views: dViews };
}

/** `α_m (g_m - Σ_k α_k g_k)` with `g_m = dh · E_m`; `[m, N]`. */
function scoreGradients(views: readonly Matrix[], weights: Matrix, dFused: Matrix): Matrix {
  const [numViews, N] = weights.shape;
  const result = matrix(weights.shape);
  views.forEach((view, m) => row(result, m).set(rowDots(dFused, view)));
  for (let i = 0; i < N; i++) {
    let mean = 0;
    for (let at = i; at < numViews * N; at += N) {
      mean += weights.values[at] * result.values[at];
    }
    for (let at = i; at < numViews * N; at += N) {
      result.values[at] = weights.values[at] * (result.values[at] - mean);
    }
  }
  return result;
}

/** `e^x / Σ e^x` in every column, stable for large scores. */
export function softmaxColumnsInPlace({ shape: [rows, columns], values }: Matrix): void {
  for (let c = 0; c < columns; c++) {
    let highest = -Infinity;
    for (let at = c; at < rows * columns; at += columns) {
      highest = Math.max(highest, values[at]);
    }
    let sum = 0;
    for (let at = c; at < rows * columns; at += columns) {
      values[at] = Math.exp(values[at] - highest);
      sum += values[at];
    }
    for (let at = c; at < rows * columns; at += columns) {
      values[at] /= sum;
    }
  }
}
