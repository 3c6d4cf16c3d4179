/**
 * @file The prediction types of the denoiser: noise, velocity or image, and their conversions.
 *
 * T. Salimans, J. Ho, "Progressive Distillation for Fast Sampling of Diffusion Models", 2022, appendix D.
 * https://arxiv.org/abs/2202.00512
 *
 * Notation: `x = α x_0 + σ ε`, `v = α ε - σ x_0`, `α² + σ² = 1`.
 */
import { type ScheduleConfig } from "./schedule-config.js";

export type PredictionType = ScheduleConfig["prediction_type"];

/** Signal and noise at one timestep: `α = sqrt(ᾱ_t)`, `σ = sqrt(1 - ᾱ_t)`. */
export interface NoiseLevel {
  alpha: number;
  sigma: number;
}

/** The noise level at which `alphaBar` of the variance is signal. */
export function noiseLevel(alphaBar: number): NoiseLevel {
  return { alpha: Math.sqrt(alphaBar), sigma: Math.sqrt(1 - alphaBar) };
}

/** `α original + σ noise`, element by element. */
export function noised(
  original: Float32Array,
  noise: Float32Array,
  { alpha, sigma }: NoiseLevel,
): Float32Array {
  return original.map((x, i) => alpha * x + sigma * noise[i]);
}

/** x_0 from the model's output for `latents`. */
export function predictedOriginal(
  type: PredictionType,
  output: Float32Array,
  latents: Float32Array,
  { alpha, sigma }: NoiseLevel,
): Float32Array {
  switch (type) {
    case "epsilon":
      return latents.map((x, i) => (x - sigma * output[i]) / alpha);
    case "v_prediction":
      return latents.map((x, i) => alpha * x - sigma * output[i]);
    case "sample":
      return output;
  }
}

/** {@link predictedOriginal}, clipped where the schedule says so. */
export function clippedOriginal(
  { clip_sample, clip_sample_range: range, prediction_type }: ScheduleConfig,
  output: Float32Array,
  latents: Float32Array,
  level: NoiseLevel,
): Float32Array {
  const original = predictedOriginal(prediction_type, output, latents, level);
  return clip_sample ? original.map(x => Math.min(Math.max(x, -range), range)) : original;
}

/** ε from the model's output for `latents`. */
export function predictedNoise(
  type: PredictionType,
  output: Float32Array,
  latents: Float32Array,
  { alpha, sigma }: NoiseLevel,
): Float32Array {
  switch (type) {
    case "epsilon":
      return output;
    case "v_prediction":
      return latents.map((x, i) => alpha * output[i] + sigma * x);
    case "sample":
      return latents.map((x, i) => (x - alpha * output[i]) / sigma);
  }
}
