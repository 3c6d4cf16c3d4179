/**
 * @file Cross-attention of tokens to memory tokens, with the parameters of PyTorch's `nn.MultiheadAttention`.
 *
 * A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017 (section 3.2.2). https://arxiv.org/abs/1706.03762
 *
 * Shapes: B sequences, T queries, S memory tokens, D width.
 */
import * as tf from "@tensorflow/tfjs";
import { groupedAttention, joinHeads, MASKED, splitHeads } from "./attention.js";
import { affine, linear, linearValues, zeroLinearValues } from "./linear.js";
import {
  filled,
  named,
  type NamedValues,
  type Parameters,
  within,
  xavierUniform,
} from "./parameters.js";
import { type Random } from "./random.js";

export interface Memory {
  /** `[B, S, D]`. */
  tokens: tf.Tensor3D;
  /** 1 for a token, 0 for padding; `[B, S]`. Null without padding. */
  mask: tf.Tensor2D | null;
}

/** PyTorch's initial values: Xavier-uniform, biases 0. @param isSilent Whether the output map starts at zero. */
export function attentionValues(width: number, random: Random, isSilent = false): NamedValues {
  return {
    in_proj_weight: xavierUniform([3 * width, width], random.fork("in")),
    in_proj_bias: filled([3 * width], 0),
    ...named(
      "out_proj",
      isSilent ? zeroLinearValues(width, width) : linearValues(width, width, random.fork("out")),
    ),
  };
}

/** `Attn(Q, K, V)` with K = V = memory; `[B, T, D] -> [B, T, D]`. */
export function multiHeadAttention(
  queries: tf.Tensor3D,
  { tokens, mask }: Memory,
  parameters: Parameters,
  numHeads: number,
): tf.Tensor3D {
  const D = queries.shape[2];
  const weight = parameters<tf.Tensor2D>("in_proj_weight");
  const bias = parameters<tf.Tensor1D>("in_proj_bias");
  const projected = (x: tf.Tensor3D, part: number) =>
    splitHeads(
      affine(x, tf.slice(weight, [part * D, 0], [D, D]), tf.slice(bias, part * D, D)),
      numHeads,
    );
  const kv = { k: projected(tokens, 1), v: projected(tokens, 2) };
  const mixed = joinHeads(groupedAttention(projected(queries, 0), kv, mask && maskBias(mask)));
  return linear(mixed, within(parameters, "out_proj"));
}

/** `[B, S] -> [B, 1, 1, S]`: 0 for a token, {@link MASKED} for padding. */
function maskBias(mask: tf.Tensor2D): tf.Tensor4D {
  const [B, S] = mask.shape;
  return tf.reshape(tf.mul(tf.sub(1, mask), MASKED), [B, 1, 1, S]);
}
