/**
 * @file The noise schedule: the signal left at each timestep, and the timesteps of a run.
 *
 * J. Ho et al., "Denoising Diffusion Probabilistic Models", 2020. https://arxiv.org/abs/2006.11239 S. Lin et al.,
 * "Common Diffusion Noise Schedules and Sample Steps are Flawed", 2024, table 2 and algorithm 1.
 * https://arxiv.org/abs/2305.08891
 *
 * Notation (name here -> symbol in the papers)
 * - betas[t]    -> β_t
 * - alphaBar[t] -> ᾱ_t = Π_{s <= t} (1 - β_s)
 * - numTrainTimesteps -> T
 */
import { AppError } from "../../errors/app-error.js";
import { roundHalfEven } from "../runtime/rounding.js";
import { type ScheduleConfig } from "./schedule-config.js";

export type TimestepSpacing = NonNullable<ScheduleConfig["timestep_spacing"]>;

/** β_t for every timestep; `[T]`. */
export function betas(config: ScheduleConfig): Float64Array {
  const { beta_start, beta_end, num_train_timesteps: T, trained_betas } = config;
  if (trained_betas) {
    return Float64Array.from(trained_betas);
  }
  switch (config.beta_schedule) {
    case "linear":
      return linspace(beta_start, beta_end, T);
    case "scaled_linear":
      return linspace(Math.sqrt(beta_start), Math.sqrt(beta_end), T).map(root => root ** 2);
    case "squaredcos_cap_v2": {
      // Nichol & Dhariwal 2021, eq. (17), with β at most 0.999
      const remaining = (u: number) => Math.cos((((u + 0.008) / 1.008) * Math.PI) / 2) ** 2;
      const beta = (t: number) => 1 - remaining((t + 1) / T) / remaining(t / T);
      return Float64Array.from({ length: T }, (_, t) => Math.min(beta(t), 0.999));
    }
  }
}

/** ᾱ_t for every timestep; `[T]`, falling. Exactly 0 at the end with `rescale_betas_zero_snr`. */
export function alphaBar(config: ScheduleConfig): Float64Array {
  let product = 1;
  const result = betas(config).map(beta => (product *= 1 - beta));
  if (!config.rescale_betas_zero_snr) {
    return result;
  }
  // Lin et al., algorithm 1: shifts sqrt(ᾱ) to end at 0 and scales it to keep its start.
  const first = Math.sqrt(result[0]);
  const last = Math.sqrt(result[result.length - 1]);
  return result.map(a => (((Math.sqrt(a) - last) * first) / (first - last)) ** 2);
}

/**
 * The timesteps of a DDIM run, falling; `[numSteps]` (Lin et al., table 2).
 *
 * @param T Number of training timesteps.
 */
export function timesteps(
  spacing: TimestepSpacing,
  numSteps: number,
  { T, offset }: { T: number; offset: number },
): number[] {
  const steps = Array.from({ length: numSteps }, (_, i) => i);
  switch (spacing) {
    case "linspace":
      return [...linspace(0, T - 1, numSteps)].map(roundHalfEven).reverse();
    case "leading":
      return steps.map(i => i * Math.floor(T / numSteps) + offset).reverse();
    case "trailing":
      return steps.map(i => roundHalfEven(T - (i * T) / numSteps) - 1);
  }
}

/** `length` evenly spaced values, both ends included. */
export function linspace(start: number, end: number, length: number): Float64Array {
  const step = length > 1 ? (end - start) / (length - 1) : 0;
  return Float64Array.from({ length }, (_, i) => start + i * step);
}

/**
 * The start of an image-to-image run: only the last `floor(numSteps * strength)` of `numSteps` steps run, as in
 * diffusers' `get_timesteps`.
 *
 * @param strength In (0, 1]; at 1 all steps run, from nearly pure noise.
 * @returns The index of the first step.
 * @throws AppError `INVALID_ARGUMENT` when no step would be left.
 */
export function firstStep(numSteps: number, strength: number): number {
  if (!(strength > 0 && strength <= 1)) {
    throw new AppError("INVALID_ARGUMENT", {
      argument: "strength",
      problem: `must be above 0 and at most 1, but got ${strength}`,
    });
  }
  const numMade = Math.min(Math.floor(numSteps * strength), numSteps);
  if (numMade < 1) {
    throw new AppError("INVALID_ARGUMENT", {
      argument: "strength",
      problem: `must leave at least one of ${numSteps} steps, but got ${strength}`,
    });
  }
  return numSteps - numMade;
}
