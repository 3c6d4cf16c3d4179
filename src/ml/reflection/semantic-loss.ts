/**
 * @file The semantic loss (Eq. 16): the multi-modal feature E^m stays near the reference's caption.
 *
 * The paper takes the distance of a row of tokens from one vector of another width. Here a learned linear maps the tokens to
 * the caption embedding's width E, not the embedding to theirs: a target that learns could shrink to nothing.
 */
import type * as tf from "@tensorflow/tfjs";
import { type MaskedTokens, pooledDistance, tokenwiseDistance } from "../nn/token-distance.js";

/** `pooled`: the tokens' mean is near; `tokenwise`: each of them. */
export const semanticModes = ["pooled", "tokenwise"] as const;

export type SemanticMode = (typeof semanticModes)[number];

/** `||mean_n(x_n) - E^sem_N||² / E`, or the mean over tokens of it. @param mapped x, the tokens of E^m. @param target `[B, E]`. */
export function semanticLoss(
  mapped: MaskedTokens,
  target: tf.Tensor2D,
  mode: SemanticMode,
): tf.Scalar {
  return mode === "pooled" ? pooledDistance(mapped, target) : tokenwiseDistance(mapped, target);
}
