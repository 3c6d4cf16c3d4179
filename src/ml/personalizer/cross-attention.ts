/**
 * @file The cross-attention layer that fuses the multi-modal feature with the keyword feature (Eq. 9).
 *
 * The paper says nothing of its heads, residual or norm: here D / 64 heads (at least 1), and neither residual nor norm.
 */
import type * as tf from "@tensorflow/tfjs";
import { type Memory, multiHeadAttention } from "../nn/multi-head-attention.js";
import { type Parameters } from "../nn/parameters.js";

/** Dimensions of a head in most transformers (Vaswani et al., 2017). */
const HEAD_SIZE = 64;

/** D / 64, at least 1; a whole number of heads that divides D. */
export function numAttentionHeads(width: number): number {
  let count = Math.max(1, Math.floor(width / HEAD_SIZE));
  while (width % count !== 0) {
    count--;
  }
  return count;
}

/** `Attn(E^m, E^key, E^key)`; `[B, N, D] -> [B, N, D]`. */
export function crossAttention(
  multiModal: tf.Tensor3D,
  memory: Memory,
  parameters: Parameters,
): tf.Tensor3D {
  return multiHeadAttention(multiModal, memory, parameters, numAttentionHeads(multiModal.shape[2]));
}
