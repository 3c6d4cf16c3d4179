import { imageExperimentSchema } from "../../../../../src/recsys/lab/experiments/experiment-config.js";
import type { ArmOutcomes } from "../../../../../src/recsys/lab/experiments/image-experiment.service.js";
import {
  baselinesOf,
  summarizeOutcomes,
} from "../../../../../src/recsys/lab/experiments/summarize-outcomes.js";

const scores = { cs: 20, cis: 80, cps: 10, cpis: 50 };

const run = (arm: string, seed: number, deltas: readonly number[]): ArmOutcomes => ({
  arm,
  seed,
  versionId: null,
  outcomes: deltas.map((deltaR, pair) => ({
    userId: `u${pair}`,
    itemId: "i",
    deltaR,
    rankBefore: 10,
    rankAfter: 10 - 11 * deltaR,
    ...scores,
    // By the serving choice: the catalogue image where the item ranks lower.
    served: {
      ...scores,
      deltaR: Math.max(0, deltaR),
      rankAfter: deltaR < 0 ? 10 : 10 - 11 * deltaR,
      cis: deltaR < 0 ? 100 : 80,
      isOriginal: deltaR < 0,
    },
  })),
});

describe("summarizeOutcomes()", () => {
  const runs = [
    run(
      "ORI",
      1,
      Array.from({ length: 20 }, () => 0),
    ),
    run(
      "RAGAR",
      1,
      Array.from({ length: 20 }, (_, pair) => (pair < 16 ? 0.4 : -0.2)),
    ),
    run(
      "RAGAR",
      2,
      Array.from({ length: 20 }, (_, pair) => (pair < 16 ? 0.2 : 0)),
    ),
  ];
  const { arms, comparisons } = summarizeOutcomes(runs);

  it("gives each arm's figures over pairs and seeds", () => {
    // RAGAR: 16 of 0.4, 4 of -0.2, 16 of 0.2, 4 of 0: mean 8.8 / 40; 32 wins and 4 halves of 40; 4 of 40 not shown
    const ragar = arms.find(({ arm }) => arm === "RAGAR")!;
    expect(ragar.meanDeltaR.value).toBeCloseTo(0.22);
    expect(ragar.medianDeltaR.value).toBeCloseTo(0.2);
    expect(ragar.winRate.value).toBeCloseTo(34 / 40);
    expect(ragar).toMatchObject({
      numPairs: 20,
      numSeeds: 2,
      cs: { value: 20, interval: [20, 20] },
    });
    expect(ragar.meanDeltaR.interval[0]).toBeLessThan(0.22);
    expect(ragar.meanDeltaR.interval[1]).toBeGreaterThan(0.22);
  });

  it("gives the served figures beside them: the catalogue image, of ΔR 0, where nothing may be shown", () => {
    const { served } = arms.find(({ arm }) => arm === "RAGAR")!;
    expect(served.originalRate).toBeCloseTo(0.1);
    expect(served.meanDeltaR.value).toBeCloseTo(9.6 / 40);
    expect(served.meanDeltaR.interval[0]).toBeLessThan(9.6 / 40);
    expect(served.winRate.value).toBeCloseTo((32 + 8 / 2) / 40);
    expect(served.cis.value).toBeCloseTo(82);
  });

  it("gives each group of pairs its own figures and tests", () => {
    const group = (_: unknown, pair: number) => (pair < 16 ? "in" : "off");
    const names = Array.from({ length: 20 }, group);
    const { arms: all, groups } = summarizeOutcomes(runs, { baselines: ["ORI"], groups: names });
    expect(all).toEqual(arms);
    expect(groups.map(own => [own.group, own.numPairs])).toEqual([
      ["in", 16],
      ["off", 4],
    ]);
    const means = groups.map(({ result }) =>
      result.arms.map(({ meanDeltaR }) => meanDeltaR.value.toFixed(3)),
    );
    // By hand: the mean of 0.4 and 0.2, and of -0.2 and 0.
    expect(means).toEqual([
      ["0.000", "0.300"],
      ["0.000", "-0.100"],
    ]);
    expect(groups[0].result.tests[0]).toMatchObject({ baseline: "ORI", other: "RAGAR" });
  });

  it("says which arm is better, and that it is no chance", () => {
    expect(comparisons).toMatchObject([{ better: "RAGAR", worse: "ORI" }]);
    expect(comparisons[0].pValue).toBeLessThan(0.01);
    expect(comparisons[0].wilcoxonPValue).toBeLessThan(0.01);
  });

  it("gives each seed's figures beside them", () => {
    const { seeds } = arms.find(({ arm }) => arm === "RAGAR")!;
    expect(seeds.map(({ seed }) => seed)).toEqual([1, 2]);
    expect(seeds[0].meanDeltaR.value).toBeCloseTo((16 * 0.4 - 4 * 0.2) / 20);
    expect(seeds[0].winRate.value).toBeCloseTo(0.8);
    expect(seeds[1].meanDeltaR.value).toBeCloseTo(0.16);
    expect(seeds[1].winRate.value).toBeCloseTo(0.9);
    expect(seeds[1].meanDeltaR.interval[0]).toBeLessThan(0.16);
  });

  it("tests a baseline against every other arm, with Holm's correction for these alone", () => {
    const more = [
      ...runs,
      run(
        "like RAGAR",
        1,
        runs[1].outcomes.map(({ deltaR }) => deltaR - 0.08),
      ),
    ];
    const { comparisons: none, tests } = summarizeOutcomes(more, { baselines: ["RAGAR"] });
    expect(none).toEqual([]);
    expect(tests.map(({ baseline, other }) => [baseline, other])).toEqual([
      ["RAGAR", "ORI"],
      ["RAGAR", "like RAGAR"],
    ]);
    const [ori, like] = tests;
    expect(ori.difference).toBeCloseTo(0.22);
    expect(ori.holmPValue).toBeCloseTo(2 * ori.pValue); // the smallest of two
    expect(like.holmPValue).toBeCloseTo(Math.max(like.pValue, ori.holmPValue));
    expect(ori.wilcoxonHolmPValue).toBeLessThan(0.01);
  });

  it("tests several baselines, each against every other arm", () => {
    const baselines = ["RAGAR", "ORI"];
    const { comparisons, tests } = summarizeOutcomes(runs, { baselines });
    expect(comparisons).toEqual([]);
    expect(tests.map(({ baseline, other }) => [baseline, other])).toEqual([
      ["ORI", "RAGAR"],
      ["RAGAR", "ORI"],
    ]);
    expect(tests[0].difference).toBeCloseTo(-tests[1].difference, 10);
  });

  it("takes the first arm with a personalizer for the baseline, unless another is named", () => {
    const arm = (name: string, condition: "original" | "personalizer") => ({ name, condition });
    const experiment = (changes: object) =>
      imageExperimentSchema.parse({
        name: "x",
        seeds: [1],
        numTestPairs: 2,
        arms: [arm("ORI", "original"), arm("a", "personalizer"), arm("b", "personalizer")],
        ...changes,
      });
    expect(baselinesOf(experiment({}))).toEqual(["a"]);
    expect(baselinesOf(experiment({ baseline: "b" }))).toEqual(["b"]);
    expect(baselinesOf(experiment({ baseline: ["b", "a"] }))).toEqual(["b", "a"]);
    expect(baselinesOf(experiment({ arms: [arm("ORI", "original")] }))).toEqual([]);
  });
});
