/**
 * @file The semantic loss (Eq. 16) keeps the multi-modal feature E^m close to the reference's caption.
 *
 * The paper subtracts one vector from a row of tokens of another width. Here a learned linear maps the tokens to the
 * caption embedding's width E, not the embedding to theirs: a trainable target could shrink to zero.
 */
import type * as tf from "@tensorflow/tfjs";
import { type MaskedTokens, pooledDistance, tokenwiseDistance } from "../nn/token-distance.js";

/** `pooled` compares the mean of the tokens; `tokenwise` each token. */
export const semanticModes = ["pooled", "tokenwise"] as const;

export type SemanticMode = (typeof semanticModes)[number];

/** `||mean_n(x_n) - E^sem_N||² / E`, or its mean over tokens. @param mapped x, the tokens of E^m. @param target `[B, E]`. */
export function semanticLoss(
  mapped: MaskedTokens,
  target: tf.Tensor2D,
  mode: SemanticMode,
): tf.Scalar {
  return mode === "pooled" ? pooledDistance(mapped, target) : tokenwiseDistance(mapped, target);
}
