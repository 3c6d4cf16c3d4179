/**
 * @file Distance of a row of tokens from one vector, per dimension: of their mean, or of each.
 *
 * Shapes: B rows, N tokens, D width.
 */
import * as tf from "@tensorflow/tfjs";

/** Tokens of rows that may be padded. */
export interface MaskedTokens {
  /** `[B, N, D]`. */
  tokens: tf.Tensor3D;
  /** 1 for a token, 0 for padding; `[B, N]`. */
  mask: tf.Tensor2D;
}

/** `||mean_n(x_n) - y||² / D`, averaged over the rows; y is `[B, D]`. */
export function pooledDistance({ tokens, mask }: MaskedTokens, target: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => {
    const pooled = tf.sum(tf.mul(tokens, tf.expandDims(shares(mask), 2)), 1);
    return tf.mean<tf.Scalar>(tf.square(tf.sub(pooled, target)));
  });
}

/** `mean_n ||x_n - y||² / D`, averaged over the rows; y is `[B, D]`. */
export function tokenwiseDistance({ tokens, mask }: MaskedTokens, target: tf.Tensor2D): tf.Scalar {
  return tf.tidy(() => {
    const ofTokens = tf.mean(tf.square(tf.sub(tokens, tf.expandDims(target, 1))), 2); // [B, N]
    return tf.mean<tf.Scalar>(tf.sum(tf.mul(ofTokens, shares(mask)), 1));
  });
}

/** Each row sums to 1. */
function shares(mask: tf.Tensor2D): tf.Tensor2D {
  return tf.div(mask, tf.sum(mask, 1, true));
}
