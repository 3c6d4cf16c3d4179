/**
 * @file The CLIP scores of the paper's table 2: how well a generated image matches the reference and the user.
 *
 * J. Hessel et al., "CLIPScore", 2021 (without its factor 2.5 and clipping, as RAGAR and PMG report it).
 * https://arxiv.org/abs/2104.08718
 *
 * All embeddings are CLIP's, `[D]`, of one checkpoint. Report its name with every number: absolute values are not
 * comparable across checkpoints. Higher is better; the range is -100 … 100.
 */

import { cosine } from "../nn/cosine.js";

/** CS `= 100 cos(CLIPimage(generated), CLIPtext(reference text))`. */
export function clipScore(generatedImage: Float32Array, referenceText: Float32Array): number {
  return 100 * cosine(generatedImage, referenceText);
}

/** CIS `= 100 cos(CLIPimage(generated), CLIPimage(reference))`. */
export function clipImageScore(generatedImage: Float32Array, referenceImage: Float32Array): number {
  return 100 * cosine(generatedImage, referenceImage);
}

/** The text that CPS embeds: the user's preference keywords joined by `", "`. */
export function preferenceText(keywords: readonly string[]): string {
  return keywords.join(", ");
}

/** CPS `= 100 cos(CLIPimage(generated), CLIPtext(preference keywords))`; see {@link preferenceText}. */
export function clipPreferenceScore(
  generatedImage: Float32Array,
  preferenceKeywords: Float32Array,
): number {
  return 100 * cosine(generatedImage, preferenceKeywords);
}

/**
 * CPIS `= mean_i 100 cos(CLIPimage(generated), CLIPimage(h_i))` over the history: a mean of cosines, not the cosine of a
 * mean.
 *
 * @throws Error when the history is empty.
 */
export function clipPreferenceImageScore(
  generatedImage: Float32Array,
  historyImages: readonly Float32Array[],
): number {
  if (historyImages.length === 0) {
    throw new Error("clipPreferenceImageScore: expected at least one history image, got none");
  }
  const total = historyImages.reduce((sum, image) => sum + cosine(generatedImage, image), 0);
  return (100 * total) / historyImages.length;
}
