/**
 * @file Quality of a model pack on held-out stickers, measured with the serving code.
 *
 * - CLIP: the rank of an image's own caption by cosine among those of all measured images (R@k: the fraction of ranks <=
 *   k).
 * - captioner: precision and recall of a caption's set of words against the catalogue's, means over images, and their
 *   F1.
 * - autoencoder: PSNR, SSIM and LPIPS of a reconstructed image.
 * - text to image: an independent classifier's metrics of images generated from a title and a style's words alone.
 */
import { type Captioner } from "../../../ml/captioning/captioner.js";
import { type ClipEncoder } from "../../../ml/clip/clip-encoder.js";
import { type Autoencoder } from "../../../ml/diffusion/autoencoder.js";
import { type DiffusionPipeline } from "../../../ml/diffusion/pipeline.js";
import { type Lpips } from "../../../ml/metrics/lpips.js";
import { psnr } from "../../../ml/metrics/psnr.js";
import { ssim } from "../../../ml/metrics/ssim.js";
import { seedFrom } from "../../../ml/nn/random.js";
import { type RgbImage } from "../../../ml/nn/rgb-image.js";
import { type MeasuredSticker } from "./pack-stickers.js";

/** A sticker and its image, at the pack's size. */
export interface ShownSticker {
  sticker: MeasuredSticker;
  image: RgbImage;
}

export interface MeasureHooks {
  signal?: AbortSignal;
  /** Called after each image. */
  onImage?: () => void;
}

/** Words without visual content; the same list as in pretrain/measure.py. */
const STOP_WORDS = new Set(["a", "an", "the", "in", "with", "of", "and"]);

export async function measureClip(clip: ClipEncoder, shown: readonly ShownSticker[]) {
  const images = await clip.encodeImages(shown.map(({ image }) => image));
  const texts = await clip.encodeTexts(shown.map(({ sticker }) => sticker.caption));
  const ranks = images.map((image, n) => {
    const scores = texts.map(text => text.reduce((sum, value, i) => sum + value * image[i], 0));
    return scores.filter(score => score > scores[n]).length + 1;
  });
  const recall = (k: number) => ranks.filter(rank => rank <= k).length / ranks.length;
  return { among: shown.length, imageToCaptionR1: recall(1), imageToCaptionR5: recall(5) };
}

export async function measureCaptioner(
  captioner: Captioner,
  shown: readonly ShownSticker[],
  { onImage, signal }: MeasureHooks = {},
) {
  let [precision, recall] = [0, 0];
  for (const { image, sticker } of shown) {
    signal?.throwIfAborted();
    const [caption] = await captioner.caption([image]);
    const [said, meant] = [wordsOf(caption), wordsOf(sticker.caption)];
    const shared = [...said].filter(word => meant.has(word)).length;
    precision += shared / Math.max(said.size, 1) / shown.length;
    recall += shared / meant.size / shown.length;
    onImage?.();
  }
  const wordF1 = precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
  return { pictures: shown.length, wordPrecision: precision, wordRecall: recall, wordF1 };
}

/** The words of a caption that describe the image. */
export function wordsOf(caption: string): Set<string> {
  const words = caption.replaceAll(",", " ").toLowerCase().split(/\s+/);
  return new Set(words.filter(word => word !== "" && !STOP_WORDS.has(word)));
}

/** @param lpips Null skips LPIPS. */
export async function measureAutoencoder(
  autoencoder: Autoencoder,
  lpips: Lpips | null,
  shown: readonly ShownSticker[],
  { onImage, signal }: MeasureHooks = {},
) {
  const values = { psnrDbMean: 0, ssimMean: 0, lpipsMean: 0 };
  for (const { image } of shown) {
    signal?.throwIfAborted();
    const [decoded] = await autoencoder.decode(await autoencoder.encode(image));
    values.psnrDbMean += psnr(image, decoded) / shown.length;
    values.ssimMean += ssim(image, decoded) / shown.length;
    values.lpipsMean += lpips ? (await lpips.distance(image, decoded)) / shown.length : 0;
    onImage?.();
  }
  const { lpipsMean, ...rest } = values;
  return { pictures: shown.length, ...rest, ...(lpips && { lpipsMean }) };
}

export interface DrawOptions {
  /** The pack's words of each style. */
  styleWords: Readonly<Record<string, string>>;
  /** Default: the pack's. */
  numSteps?: number;
  guidanceScale?: number;
  numSamples?: number;
  /** Whether a pack with an exemplar bank uses it; otherwise it generates from text alone. */
  usesExemplars: boolean;
}

/** Generates each sticker from its title and its style's words, with its own seed. */
export async function drawStickers(
  pipeline: DiffusionPipeline,
  stickers: readonly MeasuredSticker[],
  { guidanceScale, numSamples, numSteps, styleWords, usesExemplars }: DrawOptions,
  { onImage, signal }: MeasureHooks = {},
) {
  const before = { runs: pipeline.runs, evaluations: pipeline.evaluations };
  const startedMs = performance.now();
  const images: RgbImage[] = [];
  for (const { id, style, title } of stickers) {
    const [image] = await pipeline.generate(
      {
        prompt: `${title}, ${styleWords[style] ?? style}`,
        guidanceScale,
        numSteps,
        numSamples,
        numImages: 1,
        usesExemplars,
        seed: seedFrom("measure", id),
      },
      { signal },
    );
    images.push(image);
    onImage?.();
  }
  const each = (total: number) => total / stickers.length;
  return {
    images,
    cost: {
      /** U-Net runs per image; with guidance each has a batch of two. */
      denoiserRuns: each(pipeline.runs - before.runs),
      /** Latents evaluated per image. */
      latentsEvaluated: each(pipeline.evaluations - before.evaluations),
      secondsAnImage: each((performance.now() - startedMs) / 1000),
    },
  };
}
