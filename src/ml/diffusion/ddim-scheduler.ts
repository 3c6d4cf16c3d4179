/**
 * @file DDIM: the deterministic sampler.
 *
 * J. Song et al., "Denoising Diffusion Implicit Models", 2021, eq. (12) with η = 0 (so σ_t = 0).
 * https://arxiv.org/abs/2010.02502
 *
 * Notation (name here -> symbol in the paper; the paper's α is our ᾱ)
 * - alphaBar[t]            -> α_t
 * - latents                -> x_t
 * - predictedOriginal      -> f_θ(x_t)
 * - predictedNoise         -> ε_θ(x_t)
 *
 * Timesteps, the previous timestep and clipping are those of diffusers' `DDIMScheduler`.
 */
import { noised, noiseLevel, predictedNoise, clippedOriginal } from "./prediction.js";
import { type ScheduleConfig } from "./schedule-config.js";
import { alphaBar, timesteps } from "./schedule.js";
import { type ScheduledStep, type Scheduler } from "./scheduler.js";

export class DdimScheduler implements Scheduler {
  readonly timesteps: readonly number[];
  private readonly alphaBar: Float64Array;

  constructor(
    private readonly config: ScheduleConfig,
    private readonly numSteps: number,
  ) {
    this.alphaBar = alphaBar(config);
    this.timesteps = timesteps(config.timestep_spacing ?? "leading", numSteps, {
      T: config.num_train_timesteps,
      offset: config.steps_offset,
    });
  }

  addNoise(original: Float32Array, noise: Float32Array, stepIndex: number): Float32Array {
    return noised(original, noise, noiseLevel(this.alphaBar[this.timesteps[stepIndex]]));
  }

  step(output: Float32Array, stepIndex: number, latents: Float32Array): ScheduledStep {
    const t = this.timesteps[stepIndex];
    const now = noiseLevel(this.alphaBar[t]);
    const next = noiseLevel(this.previousAlphaBar(t));
    const noise = predictedNoise(this.config.prediction_type, output, latents, now);
    const original = clippedOriginal(this.config, output, latents, now);
    return { latents: noised(original, noise, next), predictedOriginal: original }; // eq. (12)
  }

  private previousAlphaBar(t: number): number {
    const previous = t - Math.floor(this.config.num_train_timesteps / this.numSteps);
    if (previous >= 0) {
      return this.alphaBar[previous];
    }
    return this.config.set_alpha_to_one ? 1 : this.alphaBar[0];
  }
}
