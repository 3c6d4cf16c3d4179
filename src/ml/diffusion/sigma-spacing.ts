/**
 * @file Spacing by noise level: σ/α is spaced, and the timesteps are where the schedule has that noise.
 *
 * - Karras: T. Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models", 2022, eq. (5), ρ = 7.
 *   https://arxiv.org/abs/2206.00364
 * - Lu and exponential: evenly spaced in log(σ/α), as C. Lu et al., "DPM-Solver", 2022, section 3.3.
 *   https://arxiv.org/abs/2206.00927
 *
 * Timesteps are rounded as in diffusers' `DPMSolverMultistepScheduler`: Karras and Lu to the nearest unless the schedule
 * is the cosine, otherwise down.
 */
import { roundHalfEven } from "../runtime/rounding.js";
import { type NoiseLevel } from "./prediction.js";
import { type ScheduleConfig } from "./schedule-config.js";
import { linspace } from "./schedule.js";

const RHO = 7;

export function hasSigmaSpacing(config: ScheduleConfig): boolean {
  return config.use_karras_sigmas || config.use_lu_lambdas || config.use_exponential_sigmas;
}

/** α and σ with `σ/α = ratio`, `α² + σ² = 1`. */
export function levelOfSigma(ratio: number): NoiseLevel {
  const alpha = 1 / Math.sqrt(ratio ** 2 + 1);
  return { alpha, sigma: ratio * alpha };
}

/**
 * The falling noise levels σ/α of a run and their timesteps; `[numSteps]` both.
 *
 * @param remaining ᾱ_t, above 0; `[T]`.
 */
export function sigmaSpacing(
  config: ScheduleConfig,
  remaining: Float64Array,
  numSteps: number,
): { sigmas: number[]; timesteps: number[] } {
  const schedule = remaining.map(a => Math.sqrt((1 - a) / a)); // rising
  const ends: Partial<ScheduleConfig> = config.use_lu_lambdas ? {} : config; // Lu's has no other limits
  const highest = ends.sigma_max ?? schedule[schedule.length - 1];
  const lowest = ends.sigma_min ?? schedule[0];
  const between = (scaled: (sigma: number) => number, unscaled: (value: number) => number) =>
    [...linspace(scaled(highest), scaled(lowest), numSteps)].map(unscaled);
  const sigmas = config.use_karras_sigmas
    ? between(
        sigma => sigma ** (1 / RHO),
        root => root ** RHO,
      )
    : between(Math.log, Math.exp);
  const isRounded = !config.use_exponential_sigmas && config.beta_schedule !== "squaredcos_cap_v2";
  const logarithms = schedule.map(Math.log);
  const timesteps = sigmas
    .map(sigma => timestepOf(Math.log(Math.max(sigma, 1e-10)), logarithms))
    .map(isRounded ? roundHalfEven : Math.trunc);
  return { sigmas, timesteps };
}

/** The interpolated index at which the rising values reach `value`; 0 … T-1. */
function timestepOf(value: number, rising: Float64Array): number {
  const after = rising.findIndex(other => other > value);
  const low = Math.min(after === -1 ? rising.length : Math.max(after, 1), rising.length - 1) - 1;
  const part = (value - rising[low]) / (rising[low + 1] - rising[low]);
  return low + Math.min(Math.max(part, 0), 1);
}
