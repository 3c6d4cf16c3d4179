/** @file What can be asked of the diffusion pipeline, and what is refused before any work is done. */
import { AppError } from "../../errors/app-error.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { schedulerOf } from "./create-scheduler.js";
import { MAX_NUM_DRAFTS, type PipelineConfig } from "./pipeline-config.js";
import { type SchedulerName, schedulerNames } from "./scheduler.js";

/** Plain values only, so that a request can be sent to a thread. */
export interface GenerateRequest {
  prompt: string;
  /** What the picture should not be, in place of the empty prompt of the unconditional pass. Default: `""`. */
  negativePrompt?: string;
  /** A CLIP image embedding (P^ret); `[Dclip]`. Left unread by a pack without `image_projection/`, such as SD-1.5. */
  imageEmbedding?: Float32Array;
  /** How much the image tokens count, 0 … 1. Default: 1. */
  imageWeight?: number;
  /** More tokens to attend to, after those of text and image (P^gen); `[T, D]`, row by row. */
  extraTokens?: Float32Array;
  /**
   * All that each picture attends to, in place of prompt, image and extra tokens (a + z_t around P^gen, Eq. 12): one for
   * each picture, or one for all; `[T, D]`, row by row, of one length.
   */
  conditions?: readonly Float32Array[];
  /** Whether all pictures start from the noise of picture 0, so that they differ by their conditions alone. Default: false. */
  sharesNoise?: boolean;
  /** The picture to redraw, of exactly the pack's size. Without it the run starts from noise. */
  initImage?: RgbImage;
  /**
   * Whether, without `initImage`, the pack's own drawing of the nearest thing is redrawn, where it has a memory of drawings
   * (`ExemplarBank`). Default: true.
   */
  usesExemplars?: boolean;
  /**
   * Samples per exemplar, each with its own noise, where the prompt names a style and the pack has a style classifier
   * (`ExemplarRetriever`). The best one is selected. Default: the pack's.
   */
  numSamples?: number;
  /** How far from `initImage` the run starts, above 0 up to 1. Default: the pack's, `PipelineConfig.defaults`. */
  strength?: number;
  /** Steps over the whole schedule. Default: the pack's. */
  numSteps?: number;
  /** Classifier-free guidance weight; 1 is no guidance, and half the work. Default: the pack's. */
  guidanceScale?: number;
  /** Picture j has noise of its own from `seed` and j. */
  seed: number;
  numImages: number;
  /** Default: the pack's own choice (`schedulerOf`), which is `"dpm++"` unless it was distilled for another. */
  scheduler?: SchedulerName;
}

/** More than this many pictures from one request is a mistake rather than a wish. */
export const MAX_NUM_IMAGES = 64;

/** A request with its defaults filled in. */
export type CompleteRequest = GenerateRequest &
  Required<
    Pick<
      GenerateRequest,
      | "negativePrompt"
      | "imageWeight"
      | "sharesNoise"
      | "usesExemplars"
      | "numSamples"
      | "strength"
      | "numSteps"
      | "guidanceScale"
      | "scheduler"
    >
  >;

/**
 * Fills in the defaults of a pack. `numSteps` against the schedule and the sizes of tensors are checked where they are known.
 *
 * @throws AppError `INVALID_ARGUMENT`.
 */
export function completeRequest(
  request: GenerateRequest,
  config: Pick<PipelineConfig, "defaults" | "schedule">,
): CompleteRequest {
  const complete = {
    ...request,
    negativePrompt: request.negativePrompt ?? "",
    imageWeight: request.imageWeight ?? 1,
    sharesNoise: request.sharesNoise ?? false,
    usesExemplars: request.usesExemplars ?? true,
    numSamples: request.numSamples ?? config.defaults.numSamples,
    strength: request.strength ?? config.defaults.strength,
    numSteps: request.numSteps ?? config.defaults.numSteps,
    guidanceScale: request.guidanceScale ?? config.defaults.guidanceScale,
    scheduler: request.scheduler ?? schedulerOf(config.schedule),
  };
  const { conditions, guidanceScale, imageWeight, numSamples, numImages, scheduler, seed } =
    complete;
  check("numImages", numImages, isWhole(numImages, 1, MAX_NUM_IMAGES), `1 … ${MAX_NUM_IMAGES}`);
  check("numSamples", numSamples, isWhole(numSamples, 1, MAX_NUM_DRAFTS), `1 … ${MAX_NUM_DRAFTS}`);
  check("guidanceScale", guidanceScale, Number.isFinite(guidanceScale), "a finite number");
  check("imageWeight", imageWeight, imageWeight >= 0 && imageWeight <= 1, "between 0 and 1");
  check("seed", seed, Number.isSafeInteger(seed), "a whole number");
  check("scheduler", scheduler, schedulerNames.includes(scheduler), schedulerNames.join(" or "));
  if (conditions && conditions.length !== 1 && conditions.length !== numImages) {
    check(
      "conditions",
      `${conditions.length} of them`,
      false,
      `one, or one for each of ${numImages} pictures`,
    );
  }
  return complete;
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function check(argument: string, got: unknown, isRight: boolean, wanted: string): void {
  if (!isRight) {
    const problem = `must be ${wanted}, but got ${String(got)}`;
    throw new AppError("INVALID_ARGUMENT", { argument, problem });
  }
}
