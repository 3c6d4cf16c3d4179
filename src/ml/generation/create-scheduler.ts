/** @file The samplers by name. */
import { AppError } from "../../errors/app-error.js";
import { DdimScheduler } from "./ddim-scheduler.js";
import { DpmSolverScheduler } from "./dpm-solver-scheduler.js";
import { type ScheduleConfig } from "./schedule.js";
import { type Scheduler, type SchedulerName } from "./scheduler.js";

/**
 * A sampler for one run.
 *
 * @param numSteps Steps over the whole schedule, 1 … the schedule's training timesteps.
 * @throws AppError `INVALID_ARGUMENT` when `numSteps` is out of range.
 */
export function createScheduler(
  name: SchedulerName,
  config: ScheduleConfig,
  numSteps: number,
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
  }
}
