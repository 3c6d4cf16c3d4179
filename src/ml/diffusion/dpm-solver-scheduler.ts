/**
 * @file DPM-Solver++(2M): a second-order multistep solver, about as good in 12 steps as DDIM in 30.
 *
 * C. Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models", 2022, algorithm 2.
 * https://arxiv.org/abs/2211.01095
 *
 * Notation (name here -> symbol in the paper, for the step from t_{i-1} to t_i)
 * - levels[i]         -> α_{t_i}, σ_{t_i}
 * - lambda(level)     -> λ = log(α / σ)
 * - h, hPrevious, r   -> h_i, h_{i-1}, r_i = h_{i-1} / h_i
 * - original, earlier -> x_θ(x_{t_{i-1}}, t_{i-1}), x_θ(x_{t_{i-2}}, t_{i-2})
 * - d                 -> D_i
 *
 * Timesteps, noise levels, the kind of second order (`solver_type`) and the choice of a first-order last step
 * (`lower_order_final`) are those of diffusers' `DPMSolverMultistepScheduler`.
 */
import { roundHalfEven } from "../runtime/rounding.js";
import { noised, type NoiseLevel, noiseLevel, predictedOriginal } from "./prediction.js";
import { type ScheduleConfig } from "./schedule-config.js";
import { alphaBar, linspace } from "./schedule.js";
import { type ScheduledStep, type Scheduler } from "./scheduler.js";
import { hasSigmaSpacing, levelOfSigma, sigmaSpacing } from "./sigma-spacing.js";

/** diffusers' replacement for ᾱ = 0, whose λ is -∞: half precision's smallest number. */
const SMALLEST_ALPHA_BAR = 2 ** -24;

/** From this many steps on, diffusers keeps the second order to the end. */
const FEW_STEPS = 15;

export class DpmSolverScheduler implements Scheduler {
  readonly timesteps: readonly number[];
  /** One for the start of each step, and one for the end of the last. */
  private readonly levels: readonly NoiseLevel[];
  private earlier: { stepIndex: number; original: Float32Array } | null = null;

  constructor(
    private readonly config: ScheduleConfig,
    numSteps: number,
  ) {
    const remaining = alphaBar(config).map(a => (a === 0 ? SMALLEST_ALPHA_BAR : a));
    const last = noiseLevel(config.final_sigmas_type === "zero" ? 1 : remaining[0]);
    if (hasSigmaSpacing(config)) {
      const { sigmas, timesteps } = sigmaSpacing(config, remaining, numSteps);
      this.timesteps = timesteps;
      this.levels = [...sigmas.map(levelOfSigma), last];
    } else {
      this.timesteps = solverTimesteps(config, remaining, numSteps);
      this.levels = [...this.timesteps.map(t => noiseLevel(remaining[t])), last];
    }
  }

  addNoise(original: Float32Array, noise: Float32Array, stepIndex: number): Float32Array {
    return noised(original, noise, this.levels[stepIndex]);
  }

  step(output: Float32Array, stepIndex: number, latents: Float32Array): ScheduledStep {
    const from = this.levels[stepIndex];
    const to = this.levels[stepIndex + 1];
    const original = predictedOriginal(this.config.prediction_type, output, latents, from);
    const h = lambda(to) - lambda(from);
    const d = this.isFirstOrder(stepIndex) ? original : this.secondOrder(original, stepIndex, h);
    this.earlier = { stepIndex, original };
    const keep = to.sigma / from.sigma;
    const take = to.alpha * -Math.expm1(-h);
    return {
      latents: latents.map((x, i) => keep * x + take * d[i]), // algorithm 2, lines 4 and 9
      predictedOriginal: original,
    };
  }

  /**
   * `D = (1 + w) x_θ(now) - w x_θ(earlier)`. `w` is 1/2r with `midpoint`, line 8 of algorithm 2; with `heun` the second term
   * of the expansion is integrated exactly: `(1 - (1 - exp(-h)) / h) / (1 - exp(-h)) / r`.
   */
  private secondOrder(original: Float32Array, stepIndex: number, h: number): Float32Array {
    const earlier = this.earlier!.original; // isFirstOrder() is false only when there is one
    const hPrevious = lambda(this.levels[stepIndex]) - lambda(this.levels[stepIndex - 1]);
    const taken = -Math.expm1(-h);
    const share = this.config.solver_type === "heun" ? (1 - taken / h) / taken : 1 / 2;
    const weight = (share * h) / hPrevious; // share / r
    return original.map((x, i) => x + weight * (x - earlier[i]));
  }

  private isFirstOrder(stepIndex: number): boolean {
    const { euler_at_final, final_sigmas_type, lower_order_final } = this.config;
    if (this.config.solver_order === 1 || this.earlier?.stepIndex !== stepIndex - 1) {
      return true;
    }
    const numSteps = this.timesteps.length;
    const isLast = stepIndex === numSteps - 1;
    const endsAtZero = final_sigmas_type === "zero";
    return isLast && (endsAtZero || euler_at_final || (lower_order_final && numSteps < FEW_STEPS));
  }
}

function lambda({ alpha, sigma }: NoiseLevel): number {
  return Math.log(alpha / sigma);
}

/** diffusers' spacings for this solver: each has `numSteps + 1` points without the last, noise-free one. */
function solverTimesteps(
  config: ScheduleConfig,
  remaining: Float64Array,
  numSteps: number,
): number[] {
  const T = config.num_train_timesteps;
  const limit = config.lambda_min_clipped;
  // λ falls with t, so the unclipped timesteps come first.
  const end =
    typeof limit === "number" ? remaining.filter(a => lambda(noiseLevel(a)) >= limit).length : T;
  switch (config.timestep_spacing ?? "linspace") {
    case "linspace":
      return [...linspace(0, end - 1, numSteps + 1)].map(roundHalfEven).reverse().slice(0, -1);
    case "leading": {
      const ratio = Math.floor(end / (numSteps + 1));
      return Array.from(
        { length: numSteps },
        (_, i) => (numSteps - i) * ratio + config.steps_offset,
      );
    }
    case "trailing": {
      const length = Math.ceil((end * numSteps) / T);
      return Array.from({ length }, (_, i) => roundHalfEven(end - (i * T) / numSteps) - 1);
    }
  }
}
