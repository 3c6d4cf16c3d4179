/** @file What can be asked of the diffusion pipeline, and what is refused before any work is done. */
import { AppError } from "../../errors/app-error.js";
import { schedulerOf } from "./create-scheduler.js";
import { type GenerateRequest } from "./image-generator.js";
import { checkMask } from "./inpainting.js";
import { MAX_NUM_DRAFTS, type PipelineConfig } from "./pipeline-config.js";
import { schedulerNames } from "./scheduler.js";

/** More than this many pictures from one request is a mistake rather than a wish. */
export const MAX_NUM_IMAGES = 64;

/** The least a run can be: one step, one image. */
export const warmUpRequest: GenerateRequest = {
  prompt: "",
  guidanceScale: 1,
  seed: 0,
  numImages: 1,
  numSteps: 1,
};

/** A request with its defaults filled in. */
export type CompleteRequest = GenerateRequest &
  Required<
    Pick<
      GenerateRequest,
      | "negativePrompt"
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
    sharesNoise: request.sharesNoise ?? false,
    usesExemplars: request.usesExemplars ?? true,
    numSamples: request.numSamples ?? config.defaults.numSamples,
    strength: request.strength ?? config.defaults.strength,
    numSteps: request.numSteps ?? config.defaults.numSteps,
    guidanceScale: request.guidanceScale ?? config.defaults.guidanceScale,
    scheduler: request.scheduler ?? schedulerOf(config.schedule),
  };
  const { conditions, guidanceScale, numSamples, numImages, scheduler, seed } = complete;
  check("numImages", numImages, isWhole(numImages, 1, MAX_NUM_IMAGES), `1 … ${MAX_NUM_IMAGES}`);
  check("numSamples", numSamples, isWhole(numSamples, 1, MAX_NUM_DRAFTS), `1 … ${MAX_NUM_DRAFTS}`);
  check("guidanceScale", guidanceScale, Number.isFinite(guidanceScale), "a finite number");
  check("seed", seed, Number.isSafeInteger(seed), "a whole number");
  check("scheduler", scheduler, schedulerNames.includes(scheduler), schedulerNames.join(" or "));
  checkMask(complete.mask, complete.initImage);
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
