/** @file The samplers by name. */
import { AppError } from "../../errors/app-error.js";
import { DdimScheduler } from "./ddim-scheduler.js";
import { DpmSolverScheduler } from "./dpm-solver-scheduler.js";
import { LcmScheduler } from "./lcm-scheduler.js";
import { type ScheduleConfig } from "./schedule-config.js";
import { type NoiseSource, type Scheduler, type SchedulerName } from "./scheduler.js";

/**
 * The sampler of a pack. Consistency-distilled models need LCM; all others accept any sampler, as diffusers'
 * `from_config` does (SD-1.5 names PNDM), and DPM-Solver++ is the best for few steps.
 */
export function schedulerOf({ _class_name: className }: ScheduleConfig): SchedulerName {
  return className === "LCMScheduler" ? "lcm" : "dpm++";
}

/**
 * Creates a sampler for one run.
 *
 * @param numSteps Steps over the whole schedule, 1 … the schedule's training timesteps.
 * @param drawNoise Required by samplers that add noise between steps: LCM.
 * @throws AppError `INVALID_ARGUMENT` when `numSteps` is out of range.
 */
export function createScheduler(
  name: SchedulerName,
  config: ScheduleConfig,
  numSteps: number,
  drawNoise?: NoiseSource,
): Scheduler {
  const max = config.num_train_timesteps;
  if (!Number.isInteger(numSteps) || numSteps < 1 || numSteps > max) {
    throw new AppError("INVALID_ARGUMENT", {
      argument: "numSteps",
      problem: `must be a whole number between 1 and ${max}, but got ${numSteps}`,
    });
  }
  switch (name) {
    case "ddim":
      return new DdimScheduler(config, numSteps);
    case "dpm++":
      return new DpmSolverScheduler(config, numSteps);
    case "lcm":
      if (!drawNoise) {
        throw new Error("createScheduler: expected a source of noise for lcm, got none");
      }
      return new LcmScheduler(config, numSteps, drawNoise);
  }
}
