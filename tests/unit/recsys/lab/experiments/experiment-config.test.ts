import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  armsOf,
  mergedTraining,
  imageExperimentSchema,
  scaledExperiment,
} from "../../../../../src/recsys/lab/experiments/experiment-config.js";
import { personalizerConfig } from "../../../../../src/recsys/reflection/personalizer-training-config.js";

const given = imageExperimentSchema.parse({
  name: "x",
  seeds: [1, 2, 3],
  numTestPairs: 150,
  training: { numPairs: 1000, model: { beta: 2 } },
  scales: {
    quick: {
      seeds: [1],
      numTestPairs: 8,
      numSteps: 4,
      training: { numPairs: 16, model: { alpha: 1 } },
    },
  },
  arms: [{ name: "ORI", condition: "original" }],
});

describe("an experiment's training", () => {
  it("is what is written and no defaults: an arm changes only what it names", () => {
    const { arms, training } = imageExperimentSchema.parse({
      name: "x",
      seeds: [1],
      numTestPairs: 2,
      training: { numPairs: 16 },
      arms: [{ name: "a", condition: "personalizer", training: { model: { beta: 0 } } }],
    });
    expect(training).toEqual({ numPairs: 16 });
    expect(arms[0].training).toEqual({ model: { beta: 0 } });
    expect(personalizerConfig(mergedTraining(training, arms[0].training))).toMatchObject({
      numPairs: 16,
      model: { beta: 0 },
    });
  });

  it.each([{ numPairs: 0 }, { numPears: 3 }])("refuses %j", training => {
    const { error } = imageExperimentSchema.safeParse({
      name: "x",
      seeds: [1],
      numTestPairs: 2,
      training,
      arms: [{ name: "a", condition: "personalizer" }],
    });
    expect(JSON.stringify(error!.issues)).toContain(Object.keys(training)[0]);
    expect(error!.issues[0].path[0]).toBe("training");
  });
});

describe("armsOf()", () => {
  it("leaves an arm out of the seeds after its number of them", () => {
    const arms = [
      { ...given.arms[0], name: "all" },
      { ...given.arms[0], name: "two", numSeeds: 2 },
    ];
    const names = [1, 2, 3].map(seed => armsOf({ ...given, arms }, seed).map(({ name }) => name));
    expect(names).toEqual([["all", "two"], ["all", "two"], ["all"]]);
  });
});

describe("scaledExperiment()", () => {
  it("changes pairs, users, seeds and steps, and nothing else", () => {
    expect(scaledExperiment(given, "quick")).toEqual({
      ...given,
      seeds: [1],
      numTestPairs: 8,
      numSteps: 4,
      training: { numPairs: 16, model: { beta: 2, alpha: 1 } },
    });
    expect(scaledExperiment(given, undefined)).toBe(given);
  });

  it("names the scales there are", () => {
    expect(() => scaledExperiment(given, "huge")).toThrow(
      "must be a scale of 'x' (quick), but got 'huge'",
    );
  });
});

const files = readdirSync("experiments").filter(
  file => file.endsWith(".json") && !file.startsWith("rankers"),
);

describe.each(files)("experiments/%s", file => {
  const experiment = imageExperimentSchema.parse(
    JSON.parse(readFileSync(join("experiments", file), "utf8")),
  );

  it("is a whole experiment at each of its scales, whose baseline is one of its arms", () => {
    for (const scale of [undefined, ...Object.keys(experiment.scales)]) {
      const { arms, training } = scaledExperiment(experiment, scale);
      arms.forEach(arm => personalizerConfig({ ...training, ...arm.training }));
    }
    const scales = Object.keys(experiment.scales);
    expect(scales).toContain("smoke");
    expect(["smoke", "quick", "two-cores"]).toEqual(expect.arrayContaining(scales));
    const names = experiment.arms.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([experiment.baseline].flat()));
  });
});
