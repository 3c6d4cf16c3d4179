/**
 * @file LLM_g over `p_g(w', [IMG1..L])` (Eq. 7): its hidden states, split into E^txt and E^img.
 *
 * Shapes: B prompts, T tokens with L image tokens at the end, H width of the states.
 */
import * as tf from "@tensorflow/tfjs";

/** The part of a language model that the personalizer uses; `Llama` implements it. */
export interface ImageTokenLlm {
  readonly config: { readonly hiddenSize: number; readonly maxPositions: number };
  /** Ids of [IMG1..L]. */
  readonly imageTokenIds: readonly number[];
  /** Trainable variables by name. */
  readonly trainable: Readonly<Record<string, tf.Variable>>;
  /** `[B, T], [B, T] -> [B, T, H]`. */
  hiddenStates(ids: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor3D;
}

export interface LlmFeatures {
  /** E^txt, padded on the left; `[B, T - L, H]`. */
  text: tf.Tensor3D;
  /** 1 for a token of E^txt, 0 for padding; `[B, T - L]`. */
  textMask: tf.Tensor2D;
  /** E^img; `[B, L, H]`. */
  image: tf.Tensor3D;
}

/** E^txt and E^img of each prompt; pads on the left. Every prompt needs text and all image tokens at its end. */
export function imageTokenFeatures(
  llm: ImageTokenLlm,
  prompts: readonly (readonly number[])[],
): LlmFeatures {
  const B = prompts.length;
  const L = llm.imageTokenIds.length;
  const T = Math.max(...prompts.map(ids => ids.length));
  const ids = new Int32Array(B * T);
  const mask = new Int32Array(B * T);
  prompts.forEach((prompt, b) => {
    assertPrompt(llm, prompt);
    ids.set(prompt, (b + 1) * T - prompt.length);
    mask.fill(1, (b + 1) * T - prompt.length, (b + 1) * T);
  });
  const maskTensor = tf.tensor2d(mask, [B, T], "int32");
  const hidden = llm.hiddenStates(tf.tensor2d(ids, [B, T], "int32"), maskTensor);
  const H = hidden.shape[2];
  return {
    text: tf.slice(hidden, [0, 0, 0], [B, T - L, H]),
    textMask: tf.cast(tf.slice(maskTensor, [0, 0], [B, T - L]), "float32"),
    image: tf.slice(hidden, [0, T - L, 0], [B, L, H]),
  };
}

function assertPrompt({ config, imageTokenIds }: ImageTokenLlm, ids: readonly number[]): void {
  const L = imageTokenIds.length;
  if (ids.length <= L || ids.length > config.maxPositions) {
    throw new Error(
      `imageTokenFeatures: expected ${L + 1} to ${config.maxPositions} tokens, got ${ids.length}`,
    );
  }
  if (imageTokenIds.some((id, i) => ids[ids.length - L + i] !== id)) {
    throw new Error(
      `imageTokenFeatures: expected a prompt that ends with ${imageTokenIds}, got one that ends with ${ids.slice(-L)}`,
    );
  }
}
