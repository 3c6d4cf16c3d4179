/**
 * @file An encoder-decoder transformer: PyTorch's `nn.Transformer` with `norm_first`, ReLU and no dropout.
 *
 * A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017. https://arxiv.org/abs/1706.03762; norms before the blocks as
 * in R. Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020.
 *
 * Shapes: B sequences, S source tokens, T target tokens, D width.
 */
import * as tf from "@tensorflow/tfjs";
import { layerNorm, layerNormValues } from "./layer-norm.js";
import { linear, linearValues } from "./linear.js";
import { attentionValues, type Memory, multiHeadAttention } from "./multi-head-attention.js";
import { named, type NamedValues, type Parameters, within } from "./parameters.js";
import { type Random } from "./random.js";

export interface TransformerConfig {
  /** D. Default: 512. */
  width: number;
  /** Layers of the encoder, and of the decoder. Default: 4. */
  numLayers: number;
  /** Default: 4. */
  numHeads: number;
  /** Width of the feed-forward blocks. Default: 2048. */
  feedForwardSize: number;
}

/** PyTorch's initial values: Xavier-uniform matrices, biases 0. */
export function transformerValues(config: TransformerConfig, random: Random): NamedValues {
  const layers = Array.from({ length: config.numLayers }, (_, n) => ({
    ...named(`encoder.layers.${n}`, layerValues(config, random.fork(`encoder ${n}`), false)),
    ...named(`decoder.layers.${n}`, layerValues(config, random.fork(`decoder ${n}`), true)),
  }));
  return Object.assign(
    {},
    ...layers,
    named("encoder.norm", layerNormValues(config.width)),
    named("decoder.norm", layerNormValues(config.width)),
  ) as NamedValues;
}

/** The target's tokens after both stacks; `[B, T, D]`. Target tokens are not masked from each other. */
export function transformer(
  source: tf.Tensor3D,
  target: tf.Tensor3D,
  parameters: Parameters,
  { numHeads, numLayers }: TransformerConfig,
): tf.Tensor3D {
  let encoded = source;
  for (let n = 0; n < numLayers; n++) {
    const layer = within(parameters, `encoder.layers.${n}`);
    encoded = selfAttended(encoded, layer, numHeads);
    encoded = fedForward(encoded, layer, "norm2");
  }
  const memory: Memory = {
    tokens: layerNorm(encoded, within(parameters, "encoder.norm")),
    mask: null,
  };
  let decoded = target;
  for (let n = 0; n < numLayers; n++) {
    const layer = within(parameters, `decoder.layers.${n}`);
    decoded = selfAttended(decoded, layer, numHeads);
    const queries = layerNorm(decoded, within(layer, "norm2"));
    const attended = multiHeadAttention(queries, memory, within(layer, "multihead_attn"), numHeads);
    decoded = fedForward(tf.add(decoded, attended), layer, "norm3");
  }
  return layerNorm(decoded, within(parameters, "decoder.norm"));
}

/** `x + SelfAttn(norm1(x))`. */
function selfAttended(x: tf.Tensor3D, layer: Parameters, numHeads: number): tf.Tensor3D {
  const normal = layerNorm(x, within(layer, "norm1"));
  const memory = { tokens: normal, mask: null };
  return tf.add(x, multiHeadAttention(normal, memory, within(layer, "self_attn"), numHeads));
}

/** `x + W_2 relu(W_1 norm(x))`. */
function fedForward(x: tf.Tensor3D, layer: Parameters, norm: "norm2" | "norm3"): tf.Tensor3D {
  const inner = linear(layerNorm(x, within(layer, norm)), within(layer, "linear1"));
  return tf.add(x, linear(tf.relu(inner), within(layer, "linear2")));
}

function layerValues(
  { width, feedForwardSize }: TransformerConfig,
  random: Random,
  isDecoder: boolean,
): NamedValues {
  return {
    ...named("self_attn", attentionValues(width, random.fork("self"))),
    ...(isDecoder && named("multihead_attn", attentionValues(width, random.fork("memory")))),
    ...named("linear1", linearValues(width, feedForwardSize, random.fork("linear1"))),
    ...named("linear2", linearValues(feedForwardSize, width, random.fork("linear2"))),
    ...named("norm1", layerNormValues(width)),
    ...named("norm2", layerNormValues(width)),
    ...(isDecoder && named("norm3", layerNormValues(width))),
  };
}
