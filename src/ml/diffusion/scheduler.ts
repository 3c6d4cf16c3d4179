/** @file What a sampler can do: walk from noise to a picture along its own timesteps. */

export const schedulerNames = ["ddim", "dpm++", "lcm"] as const;

export type SchedulerName = (typeof schedulerNames)[number];

/** Gives `length` standard normal numbers, new ones each time, from the seeds of the run's pictures. */
export type NoiseSource = (length: number) => Float32Array;

export interface ScheduledStep {
  /** x_{t-1}, the latents of the next timestep. */
  latents: Float32Array;
  /** x_0 as the model sees it from here: what a preview shows. */
  predictedOriginal: Float32Array;
}

/**
 * One run's sampler. It keeps what earlier steps predicted, so steps are made once each and in order, and every run
 * has its own. Latents of all images of a batch travel as one flat array.
 */
export interface Scheduler {
  /** The timesteps t of the steps, falling; `[numSteps]`. */
  readonly timesteps: readonly number[];

  /**
   * The latents with which step `stepIndex` begins: `sqrt(ᾱ_t) original + sqrt(1 - ᾱ_t) noise`.
   *
   * @param original The latents of a picture.
   */
  addNoise(original: Float32Array, noise: Float32Array, stepIndex: number): Float32Array;

  /** @param output What the model says of `latents` at `timesteps[stepIndex]`, in the schedule's prediction type. */
  step(output: Float32Array, stepIndex: number, latents: Float32Array): ScheduledStep;
}
