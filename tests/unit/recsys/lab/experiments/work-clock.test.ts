import { timeLeft } from "../../../../../src/cli/experiment.command.js";
import { imageExperimentSchema } from "../../../../../src/recsys/lab/experiments/experiment-config.js";
import {
  imageWork,
  trainingWork,
  WorkClock,
} from "../../../../../src/recsys/lab/experiments/work-clock.js";
import { personalizerConfig } from "../../../../../src/recsys/reflection/personalizer-training-config.js";

describe("WorkClock", () => {
  it("judges by what this run did, not by what was found", () => {
    let nowMs = 0;
    const clock = new WorkClock(100, () => nowMs);
    expect([clock.fraction, clock.secondsLeft]).toEqual([0, null]);
    clock.skip(40);
    expect([clock.fraction, clock.secondsLeft]).toEqual([0.4, null]);
    nowMs = 20_000;
    clock.advance(10);
    expect(clock.fraction).toBe(0.5);
    expect(clock.secondsLeft).toBe(100); // 50 left at 2 s each
    clock.skip(50);
    expect([clock.fraction, clock.secondsLeft]).toEqual([1, 0]);
  });
});

describe("the work of an arm", () => {
  const arm = { name: "a", condition: "personalizer" as const, training: {} };
  const config = personalizerConfig({
    numPairs: 20,
    batchSize: 8,
    numRollouts: 3,
    numValidationPairs: 5,
    validateEvery: 2,
    numSteps: 6,
    strength: 0.5,
    guidanceScale: 3,
  });

  it("is rollouts, keyword pictures and looks, in evaluations", () => {
    // 20 x (3 + 1) pictures, 3 steps and so 1 + 2 looks of 5 pictures: 95 pictures of 3 guided steps
    expect(trainingWork(arm, config)).toBe(95 * 6);
    expect(trainingWork({ ...arm, condition: "keywords" }, config)).toBe(0);
  });

  it("is the judged pictures", () => {
    const experiment = imageExperimentSchema.parse({
      name: "x",
      seeds: [1],
      numTestPairs: 10,
      numCandidates: 2,
      numSteps: 12,
      strength: 0.5,
      guidanceScale: 1,
      arms: [arm],
    });
    expect(imageWork(experiment, arm, 10)).toBe(10 * 2 * 6);
    expect(imageWork(experiment, { ...arm, condition: "original" }, 10)).toBe(0);
    expect(imageWork(experiment, { ...arm, numCandidates: 3 }, 10)).toBe(10 * 3 * 6);
  });
});

describe("timeLeft()", () => {
  it.each([
    [null, ""],
    [30, ", 1 min left"],
    [4_790, ", 1 h 20 min left"],
  ])("of %s seconds is '%s'", (seconds, text) => {
    expect(timeLeft(seconds)).toBe(text);
  });
});
