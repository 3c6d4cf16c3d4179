/** @file One measurement of a model pack: every figure of pack-measures.ts and pack-judge.ts, on the same stickers. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { z } from "zod";
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
import { cachedViews, type PictureView, viewOf, type ViewsCache } from "./image-views.js";
import {
  drawStickers,
  measureAutoencoder,
  measureCaptioner,
  measureClip,
  type ShownSticker,
} from "./pack-measures.js";
import { type MeasuredSticker, type MeasuredStickers } from "./pack-stickers.js";
import { type JudgedSticker, StickerJudge } from "./sticker-classifier.js";

export interface MeasureOptions {
  /** MobileNetV2 for the judge; null leaves out all that is generated. */
  featuresPath: string | null;
  /** LPIPS; null leaves it out. */
  lpipsPath: string | null;
  /** Held-out stickers measured, at most. */
  count: number;
  /** Default: the pack's. */
  numSteps?: number;
  numDrafts?: number;
  guidanceScale?: number;
  /** Where the judge's views of pictures are kept. */
  cacheFolder: string;
  onnx: OnnxOptions;
  signal?: AbortSignal;
  /** @param done fraction of the stage, 0..1 */
  onProgress?: (stage: string, done: number) => void;
}

/** Training stickers that the judge also sees through the autoencoder: enough for 6 x 1,648 numbers to be told apart. */
const NUM_DECODED = 3_000;

export type PackFigures = Awaited<ReturnType<typeof measurePack>>["figures"];

/**
 * Measures a pack.
 *
 * @returns The figures, and the pictures drawn from text, if any.
 * @throws AppError as the parts of the pack do, `FILE_NOT_FOUND`, `FILE_MALFORMED`.
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
    shown.push({ sticker, image: await stickers.picture(sticker, side) });
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
      ...(drawn && { judge: drawn.judge, textToImage: drawn.textToImage }),
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
  const judge = await trainedJudge(subject, { features, featuresPath }, options);
  const judged = async (stage: string, pictureOf: (n: number) => Promise<RgbImage> | RgbImage) => {
    const { onPicture, signal } = stageHooks(stage, shown.length, options);
    const result: JudgedSticker[] = [];
    for (const [n, { sticker }] of shown.entries()) {
      signal?.throwIfAborted();
      result.push({ ...sticker, view: await viewOf(features, await pictureOf(n)) });
      onPicture();
    }
    return judge.figures(result);
  };
  const real = await judged("judging the real ones", n => shown[n].image);
  const decoded = await judged("judging them decoded", async n => {
    const [image] = await autoencoder.decode(await autoencoder.encode(shown[n].image));
    return image;
  });
  const pipeline = await DiffusionPipeline.load(pack, options.onnx);
  const { defaults } = pipeline.config;
  const drawing = {
    numSteps: options.numSteps ?? defaults.numSteps,
    guidanceScale: options.guidanceScale ?? defaults.guidanceScale,
    numDrafts: options.numDrafts ?? defaults.numDrafts,
  };
  const styleWords = await styleWordsOf(pack);
  const drawn = async (usesMemory: boolean) => {
    const stage = usesMemory ? "drawing" : "drawing from words alone";
    const own = usesMemory ? drawing : { ...drawing, numDrafts: 1 }; // no drawing to choose by
    const { cost, images } = await drawStickers(
      pipeline,
      shown.map(({ sticker }) => sticker),
      { styleWords, ...own, usesMemory },
      stageHooks(stage, shown.length, options),
    );
    const figures = await judged(`judging the ${stage}`, n => images[n]);
    return { images, figures: { ...figures, ...own, ...cost } };
  };
  const { figures: textToImage, images } = await drawn(true);
  const fromWordsAlone = pipeline.hasMemory ? (await drawn(false)).figures : null;
  await pipeline.dispose();
  await features.dispose();
  const judgeFigures = {
    features: basename(featuresPath),
    ceilingOnReal: real,
    ceilingOnDecoded: decoded,
  };
  return { images, judge: judgeFigures, textToImage, fromWordsAlone };
}

/** The judge, having looked at all training stickers, or at what is kept of that. */
async function trainedJudge(
  { autoencoder, pack, side, stickers }: Subject,
  { features, featuresPath }: { features: MobilenetFeatures; featuresPath: string },
  options: MeasureOptions,
): Promise<StickerJudge> {
  const { cacheFolder: folder, onProgress, signal } = options;
  const featuresHash = createHash("sha256")
    .update(await readFile(featuresPath))
    .digest("hex");
  const common = [featuresHash, stickers.hash, String(side)];
  const views = (stage: string, chosen: readonly MeasuredSticker[], own: Lookers) => {
    const look = async (n: number) =>
      viewOf(features, await own.pictureOf(await stickers.picture(chosen[n], side)));
    const cache: ViewsCache = {
      folder,
      key: [...common, ...own.key],
      signal,
      onView: numDone => onProgress?.(stage, numDone / chosen.length),
    };
    return cachedViews(chosen.length, look, cache);
  };
  const drawn = await views("the judge learns", stickers.trained, {
    key: ["drawn"],
    pictureOf: async image => image,
  });
  const chosen = stickers.chosenOfTrained(NUM_DECODED);
  const decoded = await views("the judge learns the autoencoder's touch", chosen, {
    key: ["decoded", await hashOfAutoencoder(pack)],
    pictureOf: async image => (await autoencoder.decode(await autoencoder.encode(image)))[0],
  });
  onProgress?.("the judge fits", 0);
  const judge = await StickerJudge.train(
    judgedOf(stickers.trained, drawn),
    judgedOf(chosen, decoded),
  );
  onProgress?.("the judge fits", 1);
  return judge;
}

interface Lookers {
  key: readonly string[];
  pictureOf: (image: RgbImage) => Promise<RgbImage>;
}

function judgedOf(
  stickers: readonly MeasuredSticker[],
  views: readonly PictureView[],
): JudgedSticker[] {
  return stickers.map(({ concept, style }, n) => ({ concept, style, view: views[n] }));
}

async function hashOfAutoencoder(pack: ModelPack): Promise<string> {
  const hash = createHash("sha256");
  for (const part of ["vae_encoder", "vae_decoder"]) {
    hash.update(await readFile(pack.path(`${part}/model.onnx`)));
  }
  return hash.digest("hex");
}

/** The words that the pack learned for each style, else those of the shop. */
async function styleWordsOf(pack: ModelPack): Promise<Record<string, string>> {
  const own = Object.entries(stickerStyles).map(([name, { words }]) => [name, words] as const);
  const schema = z.record(z.string(), z.string());
  const learned = await pack.readJson("styles.json", schema).catch(() => ({}));
  return { ...Object.fromEntries(own), ...learned };
}

function stageHooks(stage: string, numPictures: number, { onProgress, signal }: MeasureOptions) {
  let numDone = 0;
  return {
    signal,
    onPicture: () => onProgress?.(stage, ++numDone / numPictures),
  };
}
