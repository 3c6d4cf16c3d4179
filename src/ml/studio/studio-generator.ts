/**
 * @file The generator for photographs: the product's pixels stay, the setting around them is painted. In this process; when
 * serving, a render thread runs it (`RenderPool`).
 */
import { createHash } from "node:crypto";
import { AppError } from "../../errors/app-error.js";
import {
  type GenerateOptions,
  type GenerateRequest,
  type ImageGenerator,
} from "../diffusion/image-generator.js";
import { Random, seedFrom } from "../nn/random.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type ModelPack } from "../runtime/model-pack.js";
import { type OnnxOptions } from "../runtime/onnx-session.js";
import { decodeSetting, type Setting } from "./setting.js";
import { type PreparedStage, prepareStage, StudioRenderer } from "./studio-renderer.js";
import { maskVersionOf, type SubjectMask, SubjectMasker } from "./subject-mask.js";

/** Changes with all that changes an image apart from its mask. */
const STUDIO_VERSION = "1";
/** Longest side of an image, in pixels. */
const LONGEST_SIDE = 2_048;
const MOST_IMAGES = 64;
/** Photographs kept taken apart: requests for one item often come together. */
const NUM_KEPT = 2;

export interface StudioOptions extends OnnxOptions {
  /** The shop's own backdrops, for settings of the kind SCENE. Default: none, and no such setting. */
  scenes?: readonly RgbImage[];
}

/** `studio@<ours>+<mask's>`, and `+scenes-<hash>` with backdrops of the shop. */
export function studioVersionOf(
  pack: Pick<ModelPack, "versionOf">,
  scenes: readonly RgbImage[] = [],
): string {
  const version = `studio@${STUDIO_VERSION}+${maskVersionOf(pack).replace("@", "-")}`;
  if (scenes.length === 0) {
    return version;
  }
  const hash = createHash("sha256");
  for (const { heightPixels, pixels, widthPixels } of scenes) {
    hash.update(`${widthPixels} ${heightPixels} `).update(pixels);
  }
  return `${version}+scenes-${hash.digest("hex").slice(0, 8)}`;
}

export class StudioGenerator implements ImageGenerator {
  private readonly renderer: StudioRenderer;
  private readonly stages = new Map<string, PreparedStage | null>();
  private loading: Promise<SubjectMasker> | undefined;

  private constructor(
    readonly version: string,
    private readonly load: () => Promise<SubjectMasker>,
    scenes: readonly RgbImage[],
  ) {
    this.renderer = new StudioRenderer(scenes);
  }

  /** The mask network of the pack is loaded when an image comes without a mask. */
  static create(
    pack: Pick<ModelPack, "path" | "versionOf">,
    { scenes = [], ...options }: StudioOptions = {},
  ): StudioGenerator {
    const load = () => SubjectMasker.load(pack, options);
    return new StudioGenerator(studioVersionOf(pack, scenes), load, scenes);
  }

  /**
   * Reads of the request: `initImage`, `mask`, `conditions` (encoded settings, one for each image or one for all), `seed`,
   * `numImages`. Without conditions the settings are light neutral ones. An image whose mask cannot be trusted comes back as it is.
   *
   * @throws AppError `INVALID_ARGUMENT`, `JOB_CANCELLED`; `MODEL_FILE_MISSING`, `FILE_MALFORMED` of the network.
   */
  async generate(
    request: GenerateRequest,
    { onProgress, signal }: GenerateOptions = {},
  ): Promise<RgbImage[]> {
    throwIfCancelled(signal);
    const image = checkedImage(request);
    const settings = settingsOf(request);
    const stage = await this.stageOf(image, request.mask?.alpha ?? null);
    const images: RgbImage[] = [];
    for (const [index, setting] of settings.entries()) {
      throwIfCancelled(signal);
      const seed = seedFrom("studio", request.seed, index);
      images.push(stage ? this.renderer.draw(stage, setting, seed) : { ...image });
      onProgress?.({ step: index + 1, numSteps: settings.length });
      await new Promise(setImmediate); // lets a signal be raised
    }
    return images;
  }

  /** The mask of a photograph, by the pack's network. @throws AppError as {@link SubjectMasker.mask}. */
  async mask(image: RgbImage, alpha: Uint8Array | null): Promise<SubjectMask> {
    this.loading ??= this.load().catch((error: unknown) => {
      this.loading = undefined; // the next image retries
      throw error;
    });
    return (await this.loading).mask(image, alpha);
  }

  async close(): Promise<void> {
    await (await this.loading)?.dispose();
  }

  /** Null where the mask cannot be trusted. */
  private async stageOf(image: RgbImage, alpha: Uint8Array | null): Promise<PreparedStage | null> {
    const key = createHash("sha256")
      .update(`${image.widthPixels} ${alpha !== null}`)
      .update(image.pixels)
      .update(alpha ?? "")
      .digest("hex");
    const kept = this.stages.get(key);
    if (kept !== undefined) {
      return kept;
    }
    const mask = alpha ? { alpha, fault: null } : await this.mask(image, null);
    const stage = mask.fault === null ? prepareStage(image, mask.alpha) : null;
    this.stages.set(key, stage);
    for (const oldest of [...this.stages.keys()].slice(0, -NUM_KEPT)) {
      this.stages.delete(oldest);
    }
    return stage;
  }
}

function checkedImage({ initImage: image, mask, numImages, seed }: GenerateRequest): RgbImage {
  check("initImage", image !== undefined, "must be given: a setting is painted behind a product");
  const { heightPixels, widthPixels } = image!;
  const longest = Math.max(widthPixels, heightPixels);
  check("initImage", longest <= LONGEST_SIDE, `must have at most ${LONGEST_SIDE} pixels a side`);
  const isWhole = image!.pixels.length === 3 * widthPixels * heightPixels && longest > 0;
  check("initImage", isWhole, "must have three bytes a pixel");
  const fits = !mask || mask.alpha.length === widthPixels * heightPixels;
  check("mask", fits, "must have the size of the image");
  const isCount = Number.isInteger(numImages) && numImages >= 1 && numImages <= MOST_IMAGES;
  check("numImages", isCount, `must be 1 … ${MOST_IMAGES}, but got ${numImages}`);
  check("seed", Number.isSafeInteger(seed), `must be a whole number, but got ${seed}`);
  return image!;
}

function settingsOf({ conditions, numImages, seed }: GenerateRequest): Setting[] {
  if (!conditions) {
    return neutralSettings(numImages, seed);
  }
  const { length } = conditions;
  const fits = length === 1 || length === numImages;
  check("conditions", fits, `must be one, or one for each of ${numImages} images, not ${length}`);
  return Array.from({ length: numImages }, (_, n) =>
    decodeSetting(conditions[length === 1 ? 0 : n]),
  );
}

/** Light walls of hardly any colour, for a request that names no setting. */
function neutralSettings(count: number, seed: number): Setting[] {
  const random = new Random(seedFrom("neutral", seed));
  return Array.from({ length: count }, (): Setting => {
    const hue = 2 * Math.PI * random.uniform();
    const colour = [
      0.84 + 0.1 * random.uniform(),
      0.012 * Math.cos(hue),
      0.012 * Math.sin(hue),
    ] as const;
    const light = random.uniform() < 0.5 ? -0.6 : 0.6;
    return { kind: "STUDIO", texture: "PLASTER", colour, light, depth: 0.5, scale: 1, scene: 0 };
  });
}

function check(argument: string, isRight: boolean, problem: string): void {
  if (!isRight) {
    throw new AppError("INVALID_ARGUMENT", { argument, problem });
  }
}

function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new AppError("JOB_CANCELLED");
  }
}
