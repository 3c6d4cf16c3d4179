/**
 * @file The generated preference P^gen (Eq. 8 and 9): from the language model's states to the tokens that the U-Net
 * attends to.
 *
 * "RAGAR: Retrieval Augment Personalized Image Generation Guided by Recommendation", section 4.4; interpretations and
 * departures: docs/adr/0008.
 *
 * Notation (name here -> symbol): keyStates -> E^key, retrieved -> P^ret, semantic -> E^sem_N, multiModal -> E^m,
 * imageTokens -> T(P^ret), the generator's projection of P^ret, rankerTokens -> T(P^rk), that of the mean feature of the items
 * that the ranking model puts first (not in the paper).
 *
 * Shapes: B pairs, K tokens of E^key, Q of T(P^ret), T of E^txt, D width of the condition, E of the embeddings.
 */
import * as tf from "@tensorflow/tfjs";
import { linear, linearValues } from "../nn/linear.js";
import { attentionValues } from "../nn/multi-head-attention.js";
import { named, type NamedValues, type Parameters, within } from "../nn/parameters.js";
import { type Random } from "../nn/random.js";
import { type MaskedTokens } from "../nn/token-distance.js";
import { crossAttention } from "./cross-attention.js";
import { type LlmFeatures } from "./image-token-llm.js";
import { modalMapper, modalMapperValues } from "./modal-mapper.js";
import { type PersonalizerConfig } from "./personalizer-config.js";

/** Constant inputs of a batch beside the language model's states. */
export interface ConditionTensors {
  /** E^key; `[B, K, D]`. */
  keyStates: tf.Tensor3D;
  /** T(P^ret); `[B, Q, D]`. */
  imageTokens: tf.Tensor3D;
  /** The image tokens of the ranking model's preference; read if so configured. `[B, Q, D]`. */
  rankerTokens: tf.Tensor3D;
}

export interface GeneratedPreference {
  /** E^m; `[B, T + Q, D]`. */
  multiModal: MaskedTokens;
  /** P^gen: the preference's tokens, then those of E^key; `[B, N, D]`. */
  tokens: MaskedTokens;
  /** Number of tokens before E^key, including a pair's padding. */
  numPreferenceTokens: number;
}

/** Adam moves a weight by about its learning rate; the gate's way from 0 to 1 should take some tens of steps. */
const GATE_SCALE = 20;

/** Initial values of everything trained beside the language model. @param hiddenSize The model's width. */
export function preferenceValues(
  config: PersonalizerConfig,
  hiddenSize: number,
  random: Random,
): NamedValues {
  const { conditionSize: D, embeddingSize: E, form, mapper } = config;
  const { numPreferenceTokens, startsAtRanker } = config;
  const sizes = { inputSize: hiddenSize, numQueries: numPreferenceTokens, outputSize: D };
  return {
    ...named("text", linearValues(hiddenSize, D, random.fork("text"))),
    ...named("mapper", modalMapperValues(sizes, mapper, random.fork("mapper"))),
    ...named("attention", attentionValues(D, random.fork("attention"), form === "slots")),
    ...named("calibrator", linearValues(E, D, random.fork("calibrator"))),
    ...named("semantic", linearValues(D, E, random.fork("semantic"))),
    ...(config.rankerPreference && {
      "ranker.gate": {
        shape: [numPreferenceTokens, D],
        values: new Float32Array(numPreferenceTokens * D).fill(Number(startsAtRanker) / GATE_SCALE),
      },
    }),
  };
}

/** `T(P^ret) + g (T(P^rk) - T(P^ret))` with a trained gate g for every number of a token, at first 0, or 1 with `startsAtRanker`. */
function baseTokens(
  { imageTokens, rankerTokens }: ConditionTensors,
  parameters: Parameters,
  { rankerPreference }: PersonalizerConfig,
): tf.Tensor3D {
  if (!rankerPreference) {
    return imageTokens;
  }
  const gate = tf.mul(parameters("gate"), GATE_SCALE);
  return tf.add(imageTokens, tf.mul(gate, tf.sub(rankerTokens, imageTokens)));
}

/** E^m and P^gen; differentiable in the parameters and the language model's states. */
export function generatedPreference(
  { text, textMask, image }: LlmFeatures,
  constants: ConditionTensors,
  parameters: Parameters,
  config: PersonalizerConfig,
): GeneratedPreference {
  const { keyStates, imageTokens, rankerTokens } = constants;
  const [B, K] = keyStates.shape;
  const mapped = modalMapper(image, within(parameters, "mapper"), config.mapper);
  const Q = mapped.shape[1];
  const multiModal: MaskedTokens = {
    tokens: tf.concat([linear(text, within(parameters, "text")), mapped], 1), // Eq. 8
    mask: tf.concat([textMask, tf.ones([B, Q])], 1),
  };
  const memory = {
    tokens: tf.concat(
      [
        keyStates,
        ...(config.memory === "key" ? [] : [imageTokens]),
        ...(config.rankerPreference ? [rankerTokens] : []),
      ],
      1,
    ),
    mask: null,
  };
  const attend = (queries: tf.Tensor3D) =>
    crossAttention(queries, memory, within(parameters, "attention"));
  // Leaves out the text's rows: no slot of the generator reads them.
  const preference: MaskedTokens =
    config.form === "slots"
      ? {
          tokens: tf.add(
            baseTokens(constants, within(parameters, "ranker"), config),
            attend(mapped),
          ),
          mask: tf.ones([B, Q]),
        }
      : { tokens: attend(multiModal.tokens), mask: multiModal.mask };
  return {
    multiModal,
    tokens: {
      tokens: tf.concat([preference.tokens, keyStates], 1), // Eq. 9
      mask: tf.concat([preference.mask, tf.ones([B, K])], 1),
    },
    numPreferenceTokens: preference.tokens.shape[1],
  };
}
