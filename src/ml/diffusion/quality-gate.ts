/**
 * @file The quality gate: a generated image must not be blank or noise, and must still resemble the reference item.
 *
 * Statistics, on luma Y = (0.299 R + 0.587 G + 0.114 B) / 255 (ITU-R BT.601):
 * - contrast: the standard deviation of Y. 0 for one colour, 0.5 at most.
 * - fineCorrelation, coarseCorrelation: the autocorrelation of Y at a 32nd and at a 16th of the width, averaged over
 *   both directions. Objects have larger parts than that. White noise has 0 and 0; decoded latent noise is smooth
 *   between neighbouring pixels, but not over such distances.
 * - similarity: cosine of the CLIP image embeddings of image and reference.
 */
import { cosine } from "../nn/cosine.js";
import { type RgbImage } from "../nn/rgb-image.js";

export interface QualityConfig {
  /** Below this contrast an image is `BLANK`. Default: 0.02, five of 255 levels. */
  minContrast: number;
  /**
   * Below both correlations an image is `NOISE`. Defaults: 0.45 and 0.15. Of the 7,846 training images of models/mini 20
   * are below both; of 48 images of decoded noise and of an untrained U-Net, all.
   */
  minFineCorrelation: number;
  minCoarseCorrelation: number;
  /**
   * Below this similarity an image is `UNLIKE_REFERENCE`. Depends on the CLIP checkpoint: choose it on validation data.
   * Default: 0.5.
   */
  minSimilarity: number;
}

export const defaultQualityConfig: QualityConfig = {
  minContrast: 0.02,
  minFineCorrelation: 0.45,
  minCoarseCorrelation: 0.15,
  minSimilarity: 0.5,
};

export type QualityFault = "BLANK" | "NOISE" | "UNLIKE_REFERENCE";

/** The gate's measurements and decision, stored with the image. */
export interface QualityVerdict {
  passes: boolean;
  /** Every reason to refuse; empty when the image passes. */
  faults: QualityFault[];
  contrast: number;
  fineCorrelation: number;
  coarseCorrelation: number;
  /** -1 … 1; null without a reference. */
  similarity: number | null;
}

/** CLIP image embeddings, `[D]`, of the image and its reference. */
export interface ReferenceEmbeddings {
  generated: Float32Array;
  reference: Float32Array;
}

/** Measures an image and decides. */
export function qualityVerdict(
  image: RgbImage,
  embeddings: ReferenceEmbeddings | null = null,
  config: QualityConfig = defaultQualityConfig,
): QualityVerdict {
  const luma = lumaOf(image);
  const contrast = standardDeviation(luma);
  const fineCorrelation = autocorrelation(luma, image.widthPixels, 32);
  const coarseCorrelation = autocorrelation(luma, image.widthPixels, 16);
  const similarity = embeddings && cosine(embeddings.generated, embeddings.reference);
  const isBlank = contrast < config.minContrast;
  const faults: QualityFault[] = [];
  if (isBlank) {
    faults.push("BLANK");
  }
  const isIncoherent =
    fineCorrelation < config.minFineCorrelation && coarseCorrelation < config.minCoarseCorrelation;
  // The correlation of a nearly constant image is meaningless.
  if (!isBlank && isIncoherent) {
    faults.push("NOISE");
  }
  if (similarity !== null && !(similarity >= config.minSimilarity)) {
    faults.push("UNLIKE_REFERENCE");
  }
  return {
    passes: faults.length === 0,
    faults,
    contrast,
    fineCorrelation,
    coarseCorrelation,
    similarity,
  };
}

/** BT.601 luma, 0 … 1; `[H, W, 3] -> [H, W]`. */
function lumaOf({ pixels }: RgbImage): Float32Array {
  return Float32Array.from({ length: pixels.length / 3 }, (_, i) => {
    const [r, g, b] = pixels.subarray(3 * i, 3 * i + 3);
    return (0.299 * r + 0.587 * g + 0.114 * b) / 255;
  });
}

function standardDeviation(values: Float32Array): number {
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
}

/**
 * `1 - E[(Y(p) - Y(q))²] / (2 Var Y)` over all p, q that are a `fraction`th of the width apart; right and down averaged.
 * 1 for a constant image.
 */
function autocorrelation(luma: Float32Array, width: number, fraction: number): number {
  const variance = standardDeviation(luma) ** 2;
  if (variance === 0) {
    return 1;
  }
  const lag = Math.max(1, Math.round(width / fraction));
  const height = luma.length / width;
  let [across, down] = [0, 0];
  for (let i = 0; i < luma.length; i++) {
    across += i % width < width - lag ? (luma[i] - luma[i + lag]) ** 2 : 0;
    down += i + lag * width < luma.length ? (luma[i] - luma[i + lag * width]) ** 2 : 0;
  }
  const numAcross = Math.max((width - lag) * height, 1);
  const numDown = Math.max(width * (height - lag), 1);
  return 1 - (across / numAcross + down / numDown) / (4 * variance);
}

function meanOf(values: Float32Array): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}
