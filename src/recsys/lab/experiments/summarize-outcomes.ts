/** @file The findings of an experiment: each arm's figures with intervals, and tests of the differences. */
import {
  DEFAULT_RESAMPLES,
  type Interval,
  mean,
  percentile,
} from "../../../ml/metrics/bootstrap.js";
import { Random, seedFrom } from "../../../ml/nn/random.js";
import {
  type BaselineComparison,
  type Comparison,
  comparePairs,
  compareWithBaseline,
} from "../../evaluation/compare-rankers.js";
import type { ImageExperiment } from "./experiment-config.js";
import type { ArmOutcomes } from "./image-experiment.service.js";
import type { ImageFigures } from "./image-outcome.js";

export interface Figure {
  value: number;
  /** 95 %: percentiles over resamples of users, all seeds of a user together. */
  interval: Interval;
}

/** ΔR of every pair, and CLIP scores x 100. */
export interface Figures {
  meanDeltaR: Figure;
  medianDeltaR: Figure;
  /** Fraction with ΔR > 0; those that did not move count half. */
  winRate: Figure;
  cps: Figure;
  cpis: Figure;
  cs: Figure;
  cis: Figure;
}

/** What the best candidates did, whatever a shop would have shown; and beside it the served figures. */
export interface ArmSummary extends Figures {
  arm: string;
  numPairs: number;
  numSeeds: number;
  /** By the serving choice (gate, CS floor, fallback); the rate is that of the catalogue image, whose ΔR is 0. */
  served: Figures & { originalRate: number };
  /** Each seed by itself. */
  seeds: ({ seed: number; versionId: string | null } & Figures)[];
}

export interface ExperimentResult {
  arms: ArmSummary[];
  /** By each pair's mean ΔR over seeds: each baseline against every other arm on the same held-out users. */
  tests: BaselineComparison[];
  /** Where there is no baseline: every two arms. */
  comparisons: Comparison[];
  /** The same of the pairs of each group; none where the experiment has no groups. */
  groups: { group: string; numPairs: number; result: Omit<ExperimentResult, "groups"> }[];
}

type Statistic = (values: readonly number[]) => number;

export const median: Statistic = values =>
  percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
export const winRate: Statistic = values =>
  mean(values.map(value => (value > 0 ? 1 : value === 0 ? 0.5 : 0)));

/**
 * @param runs of one experiment: the same pairs in every arm and seed.
 * @param about.groups Of each pair, in the order of outcomes. Default: none.
 */
export function summarizeOutcomes(
  runs: readonly ArmOutcomes[],
  about: { baselines?: readonly string[]; groups?: readonly string[]; seed?: number } = {},
): ExperimentResult {
  const { groups = [] } = about;
  return {
    ...summary(runs, about),
    groups: [...new Set(groups)].sort().map(group => {
      const isOne = (_: unknown, pair: number) => groups[pair] === group;
      const own = runs.map(run => ({ ...run, outcomes: run.outcomes.filter(isOne) }));
      return { group, numPairs: own[0].outcomes.length, result: summary(own, about) };
    }),
  };
}

function summary(
  runs: readonly ArmOutcomes[],
  { baselines = [], seed = 0 }: { baselines?: readonly string[]; seed?: number },
): Omit<ExperimentResult, "groups"> {
  const names = [...new Set(runs.map(({ arm }) => arm))];
  const byArm = names.map(arm => ({ arm, runs: runs.filter(run => run.arm === arm) }));
  const arms = byArm.map(({ arm, runs: own }): ArmSummary => {
    const isOriginal = own.flatMap(run => run.outcomes.map(({ served }) => served.isOriginal));
    const seedOfArm = seedFrom(arm, seed);
    return {
      arm,
      numPairs: own[0].outcomes.length,
      numSeeds: own.length,
      ...figuresOf(bestOf(own), seedOfArm),
      served: {
        ...figuresOf(servedOf(own), seedOfArm),
        originalRate: mean(isOriginal.map(Number)),
      },
      seeds: own.map(run => ({
        seed: run.seed,
        versionId: run.versionId,
        ...figuresOf(bestOf([run]), seedFrom(arm, seed, run.seed)),
      })),
    };
  });
  const values = byArm.map(({ arm, runs: own }) => ({
    name: arm,
    values: own[0].outcomes.map((_, pair) => mean(own.map(run => run.outcomes[pair].deltaR))),
  }));
  const bases = values.filter(({ name }) => baselines.includes(name));
  return {
    arms,
    tests: bases.flatMap(base => {
      const others = values.filter(other => other !== base);
      return compareWithBaseline(base, others, seed);
    }),
    comparisons: bases.length > 0 ? [] : comparePairs(values, seed),
  };
}

/** The arms that the others are tested against; none where every two are compared. */
export function baselinesOf({ arms, baseline }: ImageExperiment): string[] {
  const first = arms.find(({ condition }) => condition === "personalizer")?.name ?? [];
  return [baseline ?? first].flat();
}

/** By seed, then pair. */
type Outcomes = readonly (readonly ImageFigures[])[];

const bestOf = (runs: readonly ArmOutcomes[]): Outcomes => runs.map(({ outcomes }) => outcomes);
const servedOf = (runs: readonly ArmOutcomes[]): Outcomes =>
  runs.map(({ outcomes }) => outcomes.map(({ served }) => served));

function figuresOf(runs: Outcomes, seed: number): Figures {
  const figure = (of: (outcome: ImageFigures) => number, statistic: Statistic = mean) =>
    figureOf(
      runs[0].map((_, pair) => runs.map(run => of(run[pair]))),
      statistic,
      seed,
    );
  return {
    meanDeltaR: figure(({ deltaR }) => deltaR),
    medianDeltaR: figure(({ deltaR }) => deltaR, median),
    winRate: figure(({ deltaR }) => deltaR, winRate),
    cps: figure(({ cps }) => cps),
    cpis: figure(({ cpis }) => cpis),
    cs: figure(({ cs }) => cs),
    cis: figure(({ cis }) => cis),
  };
}

/** The statistic of all values, and its percentiles when users are drawn again with all their values. */
export function figureOf(
  byPair: readonly (readonly number[])[],
  statistic: Statistic,
  seed: number,
): Figure {
  const random = new Random(seed);
  const resampled = Float64Array.from({ length: DEFAULT_RESAMPLES }, () =>
    statistic(byPair.flatMap(() => byPair[random.int(byPair.length)])),
  ).sort();
  return {
    value: statistic(byPair.flat()),
    interval: [percentile(resampled, 0.025), percentile(resampled, 0.975)],
  };
}
