/**
 * @file The cross-attention layer that fuses the multi-modal feature with the keyword feature (Eq. 9).
 *
 * The paper does not specify heads, residual or norm: here D / 64 heads (at least 1), no residual, no norm.
 */
import type * as tf from "@tensorflow/tfjs";
import { type Memory, multiHeadAttention } from "../nn/multi-head-attention.js";
import { type Parameters } from "../nn/parameters.js";

/** Head size of most transformers (Vaswani et al., 2017). */
const HEAD_SIZE = 64;

/** Number of heads: a divisor of D near D / 64, at least 1. */
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
