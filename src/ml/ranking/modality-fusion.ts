/**
 * @file One embedding of an item from those of its modalities, by attention (MICRO).
 *
 * Notation (name here -> symbol)
 * - views[m]  -> E_m, the item embeddings propagated over the item graph of modality m
 * - hidden[m] -> t_m = tanh(E_m W + b)
 * - weights   -> α = softmax_m(t_m · v)
 * - fused     -> h = Σ_m α_m E_m
 *
 * Shapes: N items, D embedding size, m modalities.
 */
import { addScaled, addWeightedRows, type Matrix, matrix, rowDots } from "../nn/shape.js";
import type { AttentionParameters, DenseKernels } from "./dense-kernels.js";

/** The query of the attention, shared by the modalities. */
export type FusionParameters = AttentionParameters;

export interface Fusion {
  /** h `[N, D]`. */
  fused: Matrix;
  /** α `[N, m]`. */
  weights: Matrix;
  /** t_m `[N, D]`. */
  hidden: readonly Matrix[];
}

export async function fusion(
  views: readonly Matrix[],
  parameters: FusionParameters,
  kernels: DenseKernels,
): Promise<Fusion> {
  const [N, D] = views[0].shape;
  const hidden: Matrix[] = [];
  const weights = matrix([N, views.length]);
  for (const [m, view] of views.entries()) {
    const attention = await kernels.attention(view, parameters);
    setColumn(weights, m, attention.scores);
    hidden.push(attention.hidden);
  }
  softmaxRowsInPlace(weights);
  const fused = matrix([N, D]);
  views.forEach((view, m) => addWeightedRows(fused, view, column(weights, m)));
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
  const D = views[0].shape[1];
  const result: FusionGradient = {
    views: [],
    weight: matrix([D, D]),
    bias: new Float32Array(D),
    query: new Float32Array(D),
  };
  const dScores = scoreGradients(views, weights, dFused);
  for (const [m, view] of views.entries()) {
    const ofView = column(dScores, m);
    const gradient = await kernels.attentionGradient(view, parameters, hidden[m], ofView);
    addScaled(result.weight.values, gradient.weight.values, 1);
    addScaled(result.bias, gradient.bias, 1);
    addScaled(result.query, gradient.query, 1);
    addWeightedRows(gradient.view, dFused, column(weights, m));
    result.views.push(gradient.view);
  }
  return result;
}

function column({ shape: [rows, columns], values }: Matrix, index: number): Float32Array {
  return Float32Array.from({ length: rows }, (_, r) => values[r * columns + index]);
}

function setColumn({ shape: [, columns], values }: Matrix, index: number, source: Float32Array) {
  source.forEach((value, r) => (values[r * columns + index] = value));
}

/** `α_m (g_m - Σ_k α_k g_k)` with `g_m = dh · E_m`; `[N, m]`. */
function scoreGradients(views: readonly Matrix[], weights: Matrix, dFused: Matrix): Matrix {
  const [N, numViews] = weights.shape;
  const result = matrix(weights.shape);
  views.forEach((view, m) => setColumn(result, m, rowDots(dFused, view)));
  for (let start = 0; start < N * numViews; start += numViews) {
    let mean = 0;
    for (let at = start; at < start + numViews; at++) {
      mean += weights.values[at] * result.values[at];
    }
    for (let at = start; at < start + numViews; at++) {
      result.values[at] = weights.values[at] * (result.values[at] - mean);
    }
  }
  return result;
}

/** `e^x / Σ e^x` in every row, safe for large scores. */
export function softmaxRowsInPlace({ shape: [rows, columns], values }: Matrix): void {
  for (let start = 0; start < rows * columns; start += columns) {
    let highest = -Infinity;
    for (let at = start; at < start + columns; at++) {
      highest = Math.max(highest, values[at]);
    }
    let sum = 0;
    for (let at = start; at < start + columns; at++) {
      values[at] = Math.exp(values[at] - highest);
      sum += values[at];
    }
    for (let at = start; at < start + columns; at++) {
      values[at] /= sum;
    }
  }
}
