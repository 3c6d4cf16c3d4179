/**
 * @file Moderation by `nsfwjs`, an optional package with its own models: MobileNetV2 with five classes, Drawing, Hentai,
 * Neutral, Porn and Sexy. https://github.com/infinitered/nsfwjs
 */
import { createRequire } from "node:module";
import * as tf from "@tensorflow/tfjs";
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { loadTfjsBackend } from "../runtime/tfjs-backend.js";
import { type ModerationStrategy } from "./moderation-strategy.js";

/** A constant, not an import specifier: this file must compile without the package. */
const PACKAGE = "nsfwjs";
const CORE = `${PACKAGE}/core`;
const MODEL = `${PACKAGE}/models/mobilenet_v2`;

export type NsfwClass = "Drawing" | "Hentai" | "Neutral" | "Porn" | "Sexy";

export interface NsfwConfig {
  /** Classes that may not be shown. Default: Hentai and Porn; Sexy also covers shop items such as swimwear. */
  unsafeClasses: readonly NsfwClass[];
  /** An image is `UNSAFE` when these classes' probabilities sum to at least this. Default: 0.5. */
  maxProbability: number;
}

export const defaultNsfwConfig: NsfwConfig = {
  unsafeClasses: ["Hentai", "Porn"],
  maxProbability: 0.5,
};

/** The part of the package's model that is used. */
interface Classifier {
  classify(
    image: tf.Tensor3D,
    numClasses: number,
  ): Promise<{ className: NsfwClass; probability: number }[]>;
  dispose(): void;
}

interface CoreModule {
  load: (name: string, options: { modelDefinitions: unknown[] }) => Promise<Classifier>;
}

const NUM_CLASSES = 5;

/** The strategy's name, known before its model is loaded. */
export function nsfwjsName(config: NsfwConfig = defaultNsfwConfig): string {
  return `${PACKAGE}:${config.unsafeClasses.join("+")}<${config.maxProbability}`;
}

export function hasNsfwjs(): boolean {
  try {
    createRequire(import.meta.url).resolve(CORE);
    return true;
  } catch {
    return false;
  }
}

/** Classifies on the current TensorFlow.js backend; blocks the calling thread for each image. */
export class NsfwjsModeration implements ModerationStrategy {
  readonly name: string;

  private constructor(
    private readonly model: Classifier,
    private readonly config: NsfwConfig,
  ) {
    this.name = nsfwjsName(config);
  }

  /** @throws AppError `MODERATION_UNAVAILABLE` when the package is absent or fails to load. */
  static async load(config: NsfwConfig = defaultNsfwConfig): Promise<NsfwjsModeration> {
    if (!hasNsfwjs()) {
      throw new AppError("MODERATION_UNAVAILABLE", { package: PACKAGE, reason: "not installed" });
    }
    await loadTfjsBackend();
    const info = console.info.bind(console);
    console.info = console.error.bind(console); // nsfwjs prints a greeting, and standard output is for results
    try {
      const { load } = (await import(CORE)) as CoreModule;
      const { MobileNetV2Model } = (await import(MODEL)) as { MobileNetV2Model: unknown };
      const model = await load("MobileNetV2", { modelDefinitions: [MobileNetV2Model] });
      return new NsfwjsModeration(model, config);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new AppError("MODERATION_UNAVAILABLE", { package: PACKAGE, reason }, { cause: error });
    } finally {
      console.info = info;
    }
  }

  async faultsOf(images: readonly RgbImage[]): Promise<string[][]> {
    const { maxProbability, unsafeClasses } = this.config;
    const faults: string[][] = [];
    for (const image of images) {
      const probabilities = await this.probabilities(image);
      const unsafe = unsafeClasses.reduce((sum, name) => sum + probabilities[name], 0);
      faults.push(unsafe >= maxProbability ? ["UNSAFE"] : []);
    }
    return faults;
  }

  /** Probability of each class; they sum to 1. */
  async probabilities({
    heightPixels,
    pixels,
    widthPixels,
  }: RgbImage): Promise<Record<NsfwClass, number>> {
    const image = tf.tensor3d(Int32Array.from(pixels), [heightPixels, widthPixels, 3], "int32");
    try {
      const predictions = await this.model.classify(image, NUM_CLASSES);
      return Object.fromEntries(
        predictions.map(({ className, probability }) => [className, probability]),
      ) as Record<NsfwClass, number>;
    } finally {
      image.dispose();
    }
  }

  async dispose(): Promise<void> {
    this.model.dispose();
  }
}
