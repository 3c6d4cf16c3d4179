/**
 * @file How much of an experiment is done, and how long the rest will take.
 *
 * Work is counted in evaluations of the U-Net, which takes nearly all the time. What an earlier run did counts as done, but
 * not for this run's speed. Training may stop early, so the time left is an estimate from above.
 */
import type { PersonalizerTrainingConfig } from "../../reflection/personalizer-training-config.js";
import { type ExperimentArm, numCandidatesOf, type ImageExperiment } from "./experiment-config.js";

type Knobs = Pick<ImageExperiment, "guidanceScale" | "numSteps" | "strength">;

/** Of what is left to the pack, one step of the whole schedule without guidance is assumed. */
function evaluationsOf({ guidanceScale = 1, numSteps = 1, strength = 1 }: Knobs): number {
  return Math.max(1, Math.round(numSteps * strength)) * (guidanceScale === 1 ? 1 : 2);
}

/** Rollouts, keyword images and validations. */
export function trainingWork(arm: ExperimentArm, config: PersonalizerTrainingConfig): number {
  if (arm.condition !== "personalizer") {
    return 0;
  }
  const { batchSize, numEpochs, numPairs, numRollouts, numValidationPairs, validateEvery } = config;
  const numSteps = Math.ceil(numPairs / batchSize) * numEpochs;
  const numValidations = 1 + Math.ceil(numSteps / validateEvery);
  const numRolledOut = numPairs * (numEpochs * numRollouts + 1);
  return (numRolledOut + numValidations * numValidationPairs) * evaluationsOf(config);
}

/** The images of the test pairs. */
export function imageWork(
  experiment: ImageExperiment,
  arm: ExperimentArm,
  numPairs: number,
): number {
  const ofPair = arm.condition === "original" ? 0 : numCandidatesOf(experiment, arm);
  const numImages = numPairs * ofPair;
  return numImages * evaluationsOf(experiment);
}

export class WorkClock {
  /** Work done by this run, in its time. */
  private done = 0;
  /** Work done before, or not needed. */
  private skipped = 0;
  private readonly startMs: number;

  constructor(
    private readonly total: number,
    private readonly nowMs: () => number = performance.now.bind(performance),
  ) {
    this.startMs = nowMs();
  }

  advance(work: number): void {
    this.done += work;
  }

  skip(work: number): void {
    this.skipped += work;
  }

  get fraction(): number {
    return this.total === 0 ? 1 : Math.min(1, (this.done + this.skipped) / this.total);
  }

  /** Null until this run has done some work. */
  get secondsLeft(): number | null {
    if (this.done === 0) {
      return null;
    }
    const left = Math.max(0, this.total - this.done - this.skipped);
    return (((this.nowMs() - this.startMs) / 1_000) * left) / this.done;
  }
}
