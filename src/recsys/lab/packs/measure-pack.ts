/** @file Measures a model pack: every metric of pack-measures.ts and sticker-classifier.ts, on the same stickers. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { z } from "zod";
import { readLocal } from "../../../db/local-files.js";
import { Captioner } from "../../../ml/captioning/captioner.js";
import { ClipEncoder } from "../../../ml/clip/clip-encoder.js";
import { Autoencoder } from "../../../ml/diffusion/autoencoder.js";
import { loadPipelineConfig } from "../../../ml/diffusion/pipeline-config.js";
import { DiffusionPipeline } from "../../../ml/diffusion/pipeline.js";
import { Lpips } from "../../../ml/metrics/lpips.js";
import { MobilenetFeatures } from "../../../ml/metrics/mobilenet-features.js";
import { type RgbImage } from "../../../ml/nn/rgb-image.js";
import { type ModelPack } from "../../../ml/runtime/model-pack.js";
import { type OnnxOptions } from "../../../ml/runtime/onnx-session.js";
import { loadTfjsBackend } from "../../../ml/runtime/tfjs-backend.js";
import { stickerStyles } from "../../datasets/sticker-styles.js";
import { loadViews, type ImageView, viewOf, type ViewsCache } from "./image-views.js";
import {
  drawStickers,
  measureAutoencoder,
  measureCaptioner,
  measureClip,
  type ShownSticker,
} from "./pack-measures.js";
import { type MeasuredSticker, type MeasuredStickers } from "./pack-stickers.js";
import { type ClassifiedSticker, StickerClassifier } from "./sticker-classifier.js";

export interface MeasureOptions {
  /** MobileNetV2 for the classifier; null skips all generation. */
  featuresPath: string | null;
  /** LPIPS; null skips it. */
  lpipsPath: string | null;
  /** Maximum number of held-out stickers to measure. */
  count: number;
  /** Default: the pack's. */
  numSteps?: number;
  numSamples?: number;
  guidanceScale?: number;
  /** Caches the classifier's features. */
  store: ViewsCache["store"];
  onnx: OnnxOptions;
  signal?: AbortSignal;
  /** @param done fraction of the stage, 0..1 */
  onProgress?: (stage: string, done: number) => void;
}

/** Training stickers that the classifier also reads through the autoencoder: enough to fit 6 x 1,648 numbers. */
const NUM_DECODED = 3_000;

export type PackFigures = Awaited<ReturnType<typeof measurePack>>["figures"];

/**
 * Measures a pack.
 *
 * @returns The metrics, and the images generated from text, if any.
 * @throws AppError as the pack's parts do, `FILE_NOT_FOUND`, `FILE_MALFORMED`.
 */
export async function measurePack(
  pack: ModelPack,
  stickers: MeasuredStickers,
  options: MeasureOptions,
) {
  const side = (await loadPipelineConfig(pack)).widthPixels;
  const held = stickers.heldOut.slice(0, options.count);
  const shown: ShownSticker[] = [];
  for (const sticker of held) {
    shown.push({ sticker, image: await stickers.image(sticker, side) });
  }
  const hooks = (stage: string) => stageHooks(stage, shown.length, options);

  const clip = await ClipEncoder.load(pack, options.onnx);
  const clipFigures = await measureClip(clip, shown);
  await clip.dispose();
  const captioner = await Captioner.load(pack, options.onnx);
  const captionerFigures = await measureCaptioner(captioner, shown, hooks("captions"));
  await captioner.dispose();
  const autoencoder = await Autoencoder.load(pack, await loadPipelineConfig(pack), options.onnx);
  const lpips = options.lpipsPath ? await Lpips.load(options.lpipsPath, options.onnx) : null;
  const autoencoderFigures = {
    ...(await measureAutoencoder(autoencoder, lpips, shown, hooks("autoencoder"))),
    widthPixels: side,
    lpipsModel: options.lpipsPath && basename(options.lpipsPath),
  };
  await lpips?.dispose();
  const drawn = options.featuresPath
    ? await measureDrawings(
        { pack, stickers, shown, autoencoder, side },
        options.featuresPath,
        options,
      )
    : null;
  await autoencoder.dispose();
  return {
    images: drawn?.images ?? [],
    figures: {
      pack: `${pack.name} ${pack.version}`,
      heldOutStickers: stickers.heldOut.length,
      clip: clipFigures,
      captioner: captionerFigures,
      autoencoder: autoencoderFigures,
      ...(drawn && { classifier: drawn.classifier, textToImage: drawn.textToImage }),
      ...(drawn?.fromWordsAlone && { textToImageFromWordsAlone: drawn.fromWordsAlone }),
    },
  };
}

interface Subject {
  pack: ModelPack;
  stickers: MeasuredStickers;
  shown: readonly ShownSticker[];
  autoencoder: Autoencoder;
  side: number;
}

async function measureDrawings(subject: Subject, featuresPath: string, options: MeasureOptions) {
  const { autoencoder, pack, shown } = subject;
  await loadTfjsBackend();
  const features = await MobilenetFeatures.load(featuresPath, options.onnx);
  const classifier = await trainClassifier(subject, { features, featuresPath }, options);
  const classifyImages = async (
    stage: string,
    imageOf: (n: number) => Promise<RgbImage> | RgbImage,
  ) => {
    const { onImage, signal } = stageHooks(stage, shown.length, options);
    const result: ClassifiedSticker[] = [];
    for (const [n, { sticker }] of shown.entries()) {
      signal?.throwIfAborted();
      result.push({ ...sticker, view: await viewOf(features, await imageOf(n)) });
      onImage();
    }
    return classifier.figures(result);
  };
  const real = await classifyImages("classifying the real images", n => shown[n].image);
  const decoded = await classifyImages("classifying the decoded images", async n => {
    const [image] = await autoencoder.decode(await autoencoder.encode(shown[n].image));
    return image;
  });
  const pipeline = await DiffusionPipeline.load(pack, options.onnx);
  const { defaults } = pipeline.config;
  const drawing = {
    numSteps: options.numSteps ?? defaults.numSteps,
    guidanceScale: options.guidanceScale ?? defaults.guidanceScale,
    numSamples: options.numSamples ?? defaults.numSamples,
  };
  const styleWords = await styleWordsOf(pack);
  const drawn = async (usesExemplars: boolean) => {
    const stage = usesExemplars ? "drawing" : "generating from text alone";
    const own = usesExemplars ? drawing : { ...drawing, numSamples: 1 }; // no exemplar to choose from
    const { cost, images } = await drawStickers(
      pipeline,
      shown.map(({ sticker }) => sticker),
      { styleWords, ...own, usesExemplars },
      stageHooks(stage, shown.length, options),
    );
    const figures = await classifyImages(`classifying the ${stage} images`, n => images[n]);
    return { images, figures: { ...figures, ...own, ...cost } };
  };
  const { figures: textToImage, images } = await drawn(true);
  const fromWordsAlone = pipeline.hasExemplars ? (await drawn(false)).figures : null;
  await pipeline.dispose();
  await features.dispose();
  const classifierFigures = {
    features: basename(featuresPath),
    ceilingOnReal: real,
    ceilingOnDecoded: decoded,
  };
  return { images, classifier: classifierFigures, textToImage, fromWordsAlone };
}

/** The classifier, trained on all training stickers or their cached features. */
async function trainClassifier(
  { autoencoder, pack, side, stickers }: Subject,
  { features, featuresPath }: { features: MobilenetFeatures; featuresPath: string },
  options: MeasureOptions,
): Promise<StickerClassifier> {
  const { store, onProgress, signal } = options;
  const featuresHash = createHash("sha256")
    .update(await readLocal(featuresPath))
    .digest("hex");
  const common = [featuresHash, stickers.hash, String(side)];
  const views = (stage: string, chosen: readonly MeasuredSticker[], own: Lookers) => {
    const look = async (n: number) =>
      viewOf(features, await own.imageOf(await stickers.image(chosen[n], side)));
    const cache: ViewsCache = {
      store,
      key: [...common, ...own.key],
      signal,
      onView: numDone => onProgress?.(stage, numDone / chosen.length),
    };
    return loadViews(chosen.length, look, cache);
  };
  const drawn = await views("reading the training images", stickers.trained, {
    key: ["drawn"],
    imageOf: async image => image,
  });
  const chosen = stickers.chosenOfTrained(NUM_DECODED);
  const decoded = await views("reading the decoded training images", chosen, {
    key: ["decoded", await hashOfAutoencoder(pack)],
    imageOf: async image => (await autoencoder.decode(await autoencoder.encode(image)))[0],
  });
  onProgress?.("fitting the classifier", 0);
  const classifier = await StickerClassifier.train(
    classifiedOf(stickers.trained, drawn),
    classifiedOf(chosen, decoded),
  );
  onProgress?.("fitting the classifier", 1);
  return classifier;
}

interface Lookers {
  key: readonly string[];
  imageOf: (image: RgbImage) => Promise<RgbImage>;
}

function classifiedOf(
  stickers: readonly MeasuredSticker[],
  views: readonly ImageView[],
): ClassifiedSticker[] {
  return stickers.map(({ concept, style }, n) => ({ concept, style, view: views[n] }));
}

async function hashOfAutoencoder(pack: ModelPack): Promise<string> {
  const hash = createHash("sha256");
  for (const part of ["vae_encoder", "vae_decoder"]) {
    hash.update(await readLocal(pack.path(`${part}/model.onnx`)));
  }
  return hash.digest("hex");
}

/** The pack's words of each style, otherwise the shop's. */
async function styleWordsOf(pack: ModelPack): Promise<Record<string, string>> {
  const own = Object.entries(stickerStyles).map(([name, { words }]) => [name, words] as const);
  const schema = z.record(z.string(), z.string());
  const learned = await pack.readJson("styles.json", schema).catch(() => ({}));
  return { ...Object.fromEntries(own), ...learned };
}

function stageHooks(stage: string, numImages: number, { onProgress, signal }: MeasureOptions) {
  let numDone = 0;
  return {
    signal,
    onImage: () => onProgress?.(stage, ++numDone / numImages),
  };
}
