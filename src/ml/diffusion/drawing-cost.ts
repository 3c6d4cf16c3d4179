/** @file Whether a pack can generate with given settings, and at what cost. */
import { createScheduler, schedulerOf } from "./create-scheduler.js";
import { type PipelineConfig } from "./pipeline-config.js";
import { firstStep } from "./schedule.js";

export interface DrawingKnobs {
  /** How far from the given image the run starts, above 0 up to 1. */
  strength: number;
  /** Steps over the whole schedule. */
  numSteps: number;
  /** Weight of classifier-free guidance; 1 is none. */
  guidanceScale: number;
}

/**
 * U-Net evaluations of single latents for one image-to-image run: one per step, two with guidance.
 *
 * @throws AppError `INVALID_ARGUMENT` when the pack's schedule has fewer steps, or no step would be left.
 */
export function evaluationsOfImage(
  { schedule }: Pick<PipelineConfig, "schedule">,
  { guidanceScale, numSteps, strength }: DrawingKnobs,
): number {
  const noNoise = () => new Float32Array(0); // no step runs here
  const { timesteps } = createScheduler(schedulerOf(schedule), schedule, numSteps, noNoise);
  const numMade = timesteps.length - firstStep(numSteps, strength);
  return guidanceScale === 1 ? numMade : 2 * numMade;
}
