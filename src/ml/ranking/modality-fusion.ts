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
import { addScaled, type Matrix, matrix, row } from "../nn/shape.js";
import type { DenseKernels } from "./dense-kernels.js";

/** The query of the attention, shared by the modalities. */
export interface FusionParameters {
  /** W `[D, D]`. */
  weight: Matrix;
  /** b `[D]`. */
  bias: Float32Array;
  /** v `[D]`. */
  query: Float32Array;
}

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
  { weight, bias, query }: FusionParameters,
  kernels: DenseKernels,
): Promise<Fusion> {
  const [N, D] = views[0].shape;
  const hidden: Matrix[] = [];
  const weights = matrix([N, views.length]);
  for (const [m, view] of views.entries()) {
    const t = await kernels.matMul(view, weight);
    const { values } = t;
    for (let i = 0, at = 0; i < N; i++) {
      let score = 0;
      for (let d = 0; d < D; d++, at++) {
        const value = Math.tanh(values[at] + bias[d]);
        values[at] = value;
        score += value * query[d];
      }
      weights.values[i * views.length + m] = score;
    }
    hidden.push(t);
  }
  const fused = matrix([N, D]);
  for (let i = 0; i < N; i++) {
    softmaxInPlace(row(weights, i));
  }
  views.forEach((view, m) => addWeighted(fused, view, weights, m));
  return { fused, weights, hidden };
}

export interface FusionGradient extends FusionParameters {
  /** At E_m `[N, D]`. */
  views: Matrix[];
}

/** The gradients of {@link fusion}, given the one at h. */
export async function fusionGradient(
  views: readonly Matrix[],
  { weight, query }: FusionParameters,
  { weights, hidden, dFused }: Fusion & { dFused: Matrix },
  kernels: DenseKernels,
): Promise<FusionGradient> {
  const [N, D] = views[0].shape;
  const result: FusionGradient = {
    views: [],
    weight: matrix([D, D]),
    bias: new Float32Array(D),
    query: new Float32Array(D),
  };
  const dScores = scoreGradients(views, weights, dFused);
  for (const [m, view] of views.entries()) {
    const dBeforeTanh = matrix([N, D]);
    const t = hidden[m].values;
    for (let i = 0, at = 0; i < N; i++) {
      const dScore = dScores.values[i * views.length + m];
      for (let d = 0; d < D; d++, at++) {
        const value = dScore * query[d] * (1 - t[at] * t[at]);
        dBeforeTanh.values[at] = value;
        result.bias[d] += value;
        result.query[d] += dScore * t[at];
      }
    }
    const dWeight = await kernels.matMul(view, dBeforeTanh, { a: true });
    addScaled(result.weight.values, dWeight.values, 1);
    const dView = await kernels.matMul(dBeforeTanh, weight, { b: true });
    addWeighted(dView, dFused, weights, m);
    result.views.push(dView);
  }
  return result;
}

/** `target_i += α_im source_i`. */
function addWeighted(target: Matrix, source: Matrix, weights: Matrix, m: number): void {
  const [N, D] = target.shape;
  const [, numViews] = weights.shape;
  for (let i = 0, at = 0; i < N; i++) {
    const alpha = weights.values[i * numViews + m];
    for (let d = 0; d < D; d++, at++) {
      target.values[at] += alpha * source.values[at];
    }
  }
}

/** `α_m (g_m - Σ_k α_k g_k)` with `g_m = dh · E_m`; `[N, m]`. */
function scoreGradients(views: readonly Matrix[], weights: Matrix, dFused: Matrix): Matrix {
  const [N, D] = dFused.shape;
  const numViews = views.length;
  const result = matrix(weights.shape);
  views.forEach(({ values }, m) => {
    for (let i = 0, at = 0; i < N; i++) {
      let g = 0;
      for (let d = 0; d < D; d++, at++) {
        g += dFused.values[at] * values[at];
      }
      result.values[i * numViews + m] = g;
    }
  });
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

/** `e^x / Σ e^x`, safe for large scores. */
export function softmaxInPlace(scores: Float32Array): void {
  const highest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  let sum = 0;
  for (let m = 0; m < scores.length; m++) {
    scores[m] = Math.exp(scores[m] - highest);
    sum += scores[m];
  }
  for (let m = 0; m < scores.length; m++) {
    scores[m] /= sum;
  }
}
