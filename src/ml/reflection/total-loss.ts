/** @file The total loss (Eq. 17). Its terms are means over dimensions, so one set of weights serves all sizes. */
import * as tf from "@tensorflow/tfjs";

export interface LossParts<T> {
  /** L_cal (Eq. 10). */
  calibration: T;
  /** L_rank (Eq. 15). */
  rank: T;
  /** L_sem (Eq. 16). */
  semantic: T;
}

export interface LossWeights {
  alpha: number;
  beta: number;
  gamma: number;
}

/** `α L_cal + β L_rank + γ L_sem`. */
export function totalLoss(
  { calibration, rank, semantic }: LossParts<tf.Scalar>,
  { alpha, beta, gamma }: LossWeights,
): tf.Scalar {
  return tf.tidy(() =>
    tf.addN<tf.Scalar>([
      tf.mul<tf.Scalar>(calibration, alpha),
      tf.mul<tf.Scalar>(rank, beta),
      tf.mul<tf.Scalar>(semantic, gamma),
    ]),
  );
}
