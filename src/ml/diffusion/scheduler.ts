/** @file The interface of a sampler: from noise to an image along its own timesteps. */

export const schedulerNames = ["ddim", "dpm++", "lcm"] as const;

export type SchedulerName = (typeof schedulerNames)[number];

/** Draws `length` new standard normal numbers, from the seeds of the run's images. */
export type NoiseSource = (length: number) => Float32Array;

export interface ScheduledStep {
  /** x_{t-1}, the latents of the next timestep. */
  latents: Float32Array;
  /** x_0 as predicted at this step, for previews. */
  predictedOriginal: Float32Array;
}

/** The sampler of one run. It is stateful: call its steps once each and in order. The latents of a batch are one flat array. */
export interface Scheduler {
  /** The timesteps t of the steps, falling; `[numSteps]`. */
  readonly timesteps: readonly number[];

  /**
   * The latents at the start of step `stepIndex`: `sqrt(ᾱ_t) original + sqrt(1 - ᾱ_t) noise`.
   *
   * @param original The latents of an image.
   */
  addNoise(original: Float32Array, noise: Float32Array, stepIndex: number): Float32Array;

  /** @param output The model's output for `latents` at `timesteps[stepIndex]`, in the schedule's prediction type. */
  step(output: Float32Array, stepIndex: number, latents: Float32Array): ScheduledStep;
}
