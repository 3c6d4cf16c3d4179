/**
 * @file Scaled dot-product attention with several heads; groups of heads share keys and values.
 *
 * A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017 (eq. 1); J. Ainslie et al., "GQA: Training Generalized
 * Multi-Query Transformer Models", EMNLP 2023. https://arxiv.org/abs/2305.13245
 *
 * Shapes: B sequences, T queries, S keys, H heads, G heads of keys and values (H a multiple of G), d size of a head.
 */
import * as tf from "@tensorflow/tfjs";

/** Added to a masked score; finite, so that the softmax of a row of padding is defined. */
export const MASKED = -1e9;

/** `[B, T, H d] -> [B, H, T, d]`. */
export function splitHeads(x: tf.Tensor3D, numHeads: number): tf.Tensor4D {
  const [B, T, width] = x.shape;
  return tf.transpose(tf.reshape(x, [B, T, numHeads, width / numHeads]), [0, 2, 1, 3]);
}

/** `[B, H, T, d] -> [B, T, H d]`. */
export function joinHeads(x: tf.Tensor4D): tf.Tensor3D {
  const [B, H, T, d] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [B, T, H * d]);
}

/**
 * `softmax(Q Kᵀ / sqrt(d) + bias) V`; head `h` reads the keys and values of head `⌊h G / H⌋`.
 *
 * @param q `[B, H, T, d]`. @param kv Keys and values, `[B, G, S, d]` each. @param bias `[B, 1, T, S]`; null adds nothing.
 * @returns `[B, H, T, d]`.
 */
export function groupedAttention(
  q: tf.Tensor4D,
  { k, v }: { k: tf.Tensor4D; v: tf.Tensor4D },
  bias: tf.Tensor4D | null,
): tf.Tensor4D {
  const [B, H, T, d] = q.shape;
  const [, G, S] = k.shape;
  // The heads of a group are consecutive, so they become extra rows of one product, without copies of k and v.
  const rows = tf.reshape(tf.mul(q, 1 / Math.sqrt(d)), [B * G, (H / G) * T, d]);
  const scores = tf.matMul(rows, tf.reshape(k, [B * G, S, d]), false, true);
  const heads = tf.reshape(scores, [B, H, T, S]);
  const weights = tf.softmax(bias ? tf.add(heads, bias) : heads);
  const mixed = tf.matMul(
    tf.reshape<tf.Rank.R3>(weights, [B * G, (H / G) * T, S]),
    tf.reshape(v, [B * G, S, d]),
  );
  return tf.reshape(mixed, [B, H, T, d]);
}
