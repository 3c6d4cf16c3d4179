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
import { addScaled, dot, type Matrix, matrix, row } from "../nn/shape.js";
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
    for (let i = 0; i < N; i++) {
      const values = row(t, i);
      for (let d = 0; d < D; d++) {
        values[d] = Math.tanh(values[d] + bias[d]);
      }
      weights.values[i * views.length + m] = dot(values, query);
    }
    hidden.push(t);
  }
  const fused = matrix([N, D]);
  for (let i = 0; i < N; i++) {
    const alpha = row(weights, i);
    softmaxInPlace(alpha);
    views.forEach((view, m) => addScaled(row(fused, i), row(view, i), alpha[m]));
  }
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
    for (let i = 0; i < N; i++) {
      const t = row(hidden[m], i);
      const dScore = dScores.values[i * views.length + m];
      addScaled(result.query, t, dScore);
      const target = row(dBeforeTanh, i);
      for (let d = 0; d < D; d++) {
        target[d] = dScore * query[d] * (1 - t[d] * t[d]);
        result.bias[d] += target[d];
      }
    }
    const dWeight = await kernels.matMul(view, dBeforeTanh, { a: true });
    addScaled(result.weight.values, dWeight.values, 1);
    const dView = await kernels.matMul(dBeforeTanh, weight, { b: true });
    for (let i = 0; i < N; i++) {
      addScaled(row(dView, i), row(dFused, i), weights.values[i * views.length + m]);
    }
    result.views.push(dView);
  }
  return result;
}

/** `α_m (g_m - Σ_k α_k g_k)` with `g_m = dh · E_m`; `[N, m]`. */
function scoreGradients(views: readonly Matrix[], weights: Matrix, dFused: Matrix): Matrix {
  const result = matrix(weights.shape);
  for (let i = 0; i < weights.shape[0]; i++) {
    const alpha = row(weights, i);
    const g = views.map(view => dot(row(dFused, i), row(view, i)));
    const mean = g.reduce((sum, value, m) => sum + alpha[m] * value, 0);
    row(result, i).set(g.map((value, m) => alpha[m] * (value - mean)));
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
