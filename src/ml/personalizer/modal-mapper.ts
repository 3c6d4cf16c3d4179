/**
 * @file The Modal Mapper (Eq. 8): from the language model's image-token states to the space of the condition.
 *
 * GILL's mapper: J. Y. Koh et al., "Generating Images with Multimodal Language Models", NeurIPS 2023, section 3.2
 * (`TextFcLayer` of their code, mode `gill_mapper`, with its parameter names). https://arxiv.org/abs/2305.17216
 *
 * Shapes: B pairs, L image tokens, H width of their states, Q queries, D width of the condition.
 */
import * as tf from "@tensorflow/tfjs";
import { linear, linearValues } from "../nn/linear.js";
import { named, type NamedValues, type Parameters, within } from "../nn/parameters.js";
import { type Random } from "../nn/random.js";
import { transformer, type TransformerConfig, transformerValues } from "../nn/transformer.js";

export interface ModalMapperSizes {
  /** H. */
  inputSize: number;
  /** Q. */
  numQueries: number;
  /** D. */
  outputSize: number;
}

/** Initial values: PyTorch's; the queries standard normal, as in GILL. */
export function modalMapperValues(
  { inputSize, numQueries, outputSize }: ModalMapperSizes,
  config: TransformerConfig,
  random: Random,
): NamedValues {
  const { width } = config;
  return {
    ...named("fc", linearValues(inputSize, width, random.fork("fc"))),
    ...named("tfm", transformerValues(config, random.fork("tfm"))),
    ...named("model", linearValues(width, outputSize, random.fork("model"))),
    query_embs: {
      shape: [1, numQueries, width],
      values: random.fork("queries").normals(numQueries * width),
    },
  };
}

/** `ModalMapper(E^img)`; `[B, L, H] -> [B, Q, D]`. */
export function modalMapper(
  states: tf.Tensor3D,
  parameters: Parameters,
  config: TransformerConfig,
): tf.Tensor3D {
  const queries = parameters<tf.Tensor3D>("query_embs");
  const [, Q, width] = queries.shape;
  const source = linear(states, within(parameters, "fc"));
  const target = tf.broadcastTo<tf.Rank.R3>(queries, [states.shape[0], Q, width]);
  const mapped = transformer(source, target, within(parameters, "tfm"), config);
  return linear(mapped, within(parameters, "model"));
}
