/** @file The loss of a P^gen that learns a choice: how far its preference tokens are from those of the chosen condition. */
import * as tf from "@tensorflow/tfjs";

/**
 * `||P^gen_pref - target||² / (B scale)`: 1 for a P^gen that has learned nothing, 0 for one that gives the targets.
 *
 * @param preference Differentiable; `[B, Q, D]`. @param target A constant; `[B, Q, D]`. @param scale Mean square length of what the
 *   targets differ by from the untrained P^gen.
 */
export function targetLoss(preference: tf.Tensor3D, target: tf.Tensor3D, scale: number): tf.Scalar {
  return tf.tidy(() => {
    const [B] = preference.shape;
    return tf.mul<tf.Scalar>(tf.sum(tf.square(tf.sub(preference, target))), 1 / (B * scale));
  });
}
