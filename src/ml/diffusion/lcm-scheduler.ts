/**
 * @file The sampler of latent consistency models: the model predicts the image, then noise is added for the next step.
 *
 * S. Luo et al., "Latent Consistency Models: Synthesizing High-Resolution Images with Few-Step Inference", 2023, eq. (3)
 * and algorithm 3 (multistep sampling). https://arxiv.org/abs/2310.04378 The coefficients are those of Y. Song et al.,
 * "Consistency Models", 2023, appendix C, with timesteps for noise levels.
 *
 * Notation (name here -> symbol in the papers)
 * - original    -> x̂_0, the image that the model's output predicts
 * - consistent  -> f_θ(x_t, t) = c_skip(t) x_t + c_out(t) x̂_0
 * - SIGMA_DATA  -> σ_data
 *
 * Timesteps, coefficients and noise follow diffusers' `LCMScheduler`: a run visits some of the
 * `original_inference_steps` timesteps of the distillation, and adds no noise after its last step.
 */
import { AppError } from "../../errors/app-error.js";
import { noised, noiseLevel, clippedOriginal } from "./prediction.js";
import { type ScheduleConfig } from "./schedule-config.js";
import { alphaBar } from "./schedule.js";
import { type NoiseSource, type ScheduledStep, type Scheduler } from "./scheduler.js";

/** Song et al., appendix C: the standard deviation of the data that the coefficients assume. */
const SIGMA_DATA = 0.5;

export class LcmScheduler implements Scheduler {
  readonly timesteps: readonly number[];
  private readonly alphaBar: Float64Array;

  /**
   * @param drawNoise Draws one normal number per latent, once for each step but the last, in order.
   * @throws AppError `INVALID_ARGUMENT` for more steps than the model was distilled on.
   */
  constructor(
    private readonly config: ScheduleConfig,
    numSteps: number,
    private readonly drawNoise: NoiseSource,
  ) {
    this.alphaBar = alphaBar(config);
    this.timesteps = distilledTimesteps(config, numSteps);
  }

  addNoise(original: Float32Array, noise: Float32Array, stepIndex: number): Float32Array {
    return noised(original, noise, noiseLevel(this.alphaBar[this.timesteps[stepIndex]]));
  }

  step(output: Float32Array, stepIndex: number, latents: Float32Array): ScheduledStep {
    const t = this.timesteps[stepIndex];
    const now = noiseLevel(this.alphaBar[t]);
    const original = clippedOriginal(this.config, output, latents, now);
    const { skip, out } = boundaryCoefficients(t * this.config.timestep_scaling);
    const consistent = original.map((x, i) => out * x + skip * latents[i]); // eq. (3)
    if (stepIndex === this.timesteps.length - 1) {
      return { latents: consistent, predictedOriginal: consistent };
    }
    const next = noiseLevel(this.alphaBar[this.timesteps[stepIndex + 1]]);
    return {
      latents: noised(consistent, this.drawNoise(latents.length), next), // algorithm 3
      predictedOriginal: consistent,
    };
  }
}

/** c_skip and c_out; 1 and 0 at t = 0, so that f_θ(x, 0) = x, the boundary condition of consistency. */
export function boundaryCoefficients(scaledTimestep: number): { skip: number; out: number } {
  const variance = scaledTimestep ** 2 + SIGMA_DATA ** 2;
  return { skip: SIGMA_DATA ** 2 / variance, out: scaledTimestep / Math.sqrt(variance) };
}

/** `numSteps` evenly spaced timesteps of the distillation, falling from the noisiest. */
function distilledTimesteps(config: ScheduleConfig, numSteps: number): number[] {
  const known = config.original_inference_steps;
  if (numSteps > known) {
    throw new AppError("INVALID_ARGUMENT", {
      argument: "numSteps",
      problem: `must be at most ${known}, the steps that the consistency model was distilled on, but got ${numSteps}`,
    });
  }
  const stride = Math.floor(config.num_train_timesteps / known);
  return Array.from({ length: numSteps }, (_, i) => {
    const fromNoisiest = Math.floor((i * known) / numSteps);
    return (known - fromNoisiest) * stride - 1;
  });
}
