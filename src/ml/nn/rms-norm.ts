/**
 * @file Root-mean-square normalization.
 *
 * B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019 (eq. 4). https://arxiv.org/abs/1910.07467
 */
import * as tf from "@tensorflow/tfjs";

/**
 * `y = w ⊙ x r` with `r = 1 / sqrt(mean(x²) + ε)` along the last axis; `[..., D], [D] -> [..., D]`.
 *
 * Differentiable in `x` only: the weight belongs to a frozen model. With `g = w ⊙ dy`: `dx = r (g - x r² mean(g ⊙ x))`.
 */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, epsilon: number): T {
  const normalized = tf.customGrad((input, save) => {
    const values = input as tf.Tensor;
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(values), -1, true), epsilon)); // r
    (save as tf.GradSaveFunc)([values, inverse, weight]);
    return {
      value: tf.mul(tf.mul(values, inverse), weight),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [kept, r, w] = saved;
        const g = tf.mul(dy, w);
        const along = tf.mul(tf.mean(tf.mul(g, kept), -1, true), tf.square(r));
        return tf.mul(tf.sub(g, tf.mul(kept, along)), r);
      },
    };
  });
  return normalized(x) as T;
}
