/**
 * @file The balance calibrator (Eq. 10) keeps the generated preference P^gen close to the retrieved one, P^ret.
 *
 * P^gen is a row of tokens and P^ret one vector of another width, so the paper's difference needs an interpretation;
 * P^ret is constant in each (docs/adr/0008).
 *
 * Shapes: B pairs, N tokens, Q tokens of the preference, D their width.
 */
import * as tf from "@tensorflow/tfjs";
import { type MaskedTokens, pooledDistance, tokenwiseDistance } from "../nn/token-distance.js";

/**
 * - `pooled`: `||mean_n P^gen_n - W P^ret||² / D` with a learned linear W;
 * - `broadcast`: `mean_n ||P^gen_n - W P^ret||² / D`;
 * - `tokens`: `||P^gen_pref - T(P^ret)||² / (Q D)`, T(P^ret) the generator's image tokens of P^ret, P^gen_pref the
 *   tokens in their place. The target is not trained, so it cannot collapse.
 */
export const calibratorModes = ["pooled", "broadcast", "tokens"] as const;

export type CalibratorMode = (typeof calibratorModes)[number];

/** L_cal of `pooled` and `broadcast`. @param generated P^gen. @param target `W P^ret`; `[B, D]`. */
export function calibrationLoss(
  generated: MaskedTokens,
  target: tf.Tensor2D,
  mode: "pooled" | "broadcast",
): tf.Scalar {
  return mode === "pooled"
    ? pooledDistance(generated, target)
    : tokenwiseDistance(generated, target);
}

/** L_cal of `tokens`; `[B, Q, D], [B, Q, D] -> scalar`. */
export function tokenCalibrationLoss(preference: tf.Tensor3D, retrieved: tf.Tensor3D): tf.Scalar {
  return tf.tidy(() => tf.mean<tf.Scalar>(tf.square(tf.sub(preference, retrieved))));
}
