/**
 * @file Layer normalization.
 *
 * J. L. Ba et al., "Layer Normalization", 2016 (eq. 4). https://arxiv.org/abs/1607.06450
 */
import * as tf from "@tensorflow/tfjs";
import { filled, type NamedValues, type Parameters } from "./parameters.js";

/** PyTorch's default. */
const EPSILON = 1e-5;

/** Initial values: weight 1, bias 0. */
export function layerNormValues(size: number): NamedValues {
  return { weight: filled([size], 1), bias: filled([size], 0) };
}

/**
 * `y = w ⊙ n + b` with `n = (x - mean(x)) r`, `r = 1 / sqrt(var(x) + ε)` along the last axis; `[..., D] -> [..., D]`.
 *
 * Explicit gradient (automatic differentiation takes three times the kernels): with `g = w ⊙ dy`, `dx = r (g - mean(g) -
 * n mean(g ⊙ n))`, `dw = Σ dy ⊙ n`, `db = Σ dy`.
 */
export function layerNorm<T extends tf.Tensor>(x: T, parameters: Parameters): T {
  const normalize = tf.customGrad((input, weight, bias, save) => {
    const [values, w, b] = [input as tf.Tensor, weight as tf.Tensor, bias as tf.Tensor];
    const centred = tf.sub(values, tf.mean(values, -1, true));
    const r = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), EPSILON));
    const n = tf.mul(centred, r);
    (save as tf.GradSaveFunc)([n, r, w]);
    return {
      value: tf.add(tf.mul(n, w), b),
      gradFunc: (dy: tf.Tensor, [normal, inverse, scale]: tf.Tensor[]) => {
        const D = scale.size;
        const rows = tf.reshape(dy, [dy.size / D, D]);
        const g = tf.mul(dy, scale);
        const along = tf.mul(normal, tf.mean(tf.mul(g, normal), -1, true));
        return [
          tf.mul(tf.sub(tf.sub(g, tf.mean(g, -1, true)), along), inverse),
          tf.sum(tf.mul(rows, tf.reshape(normal, [dy.size / D, D])), 0),
          tf.sum(rows, 0),
        ];
      },
    };
  });
  return normalize(x, parameters("weight"), parameters("bias")) as T;
}
