/** @file What an experiment found: each arm's figures with intervals, and which differences are more than chance. */
import { DEFAULT_RESAMPLES, type Interval, mean, percentile } from "../../ml/metrics/bootstrap.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import { type Comparison, comparePairs } from "../evaluation/compare-rankers.js";
import type { ArmOutcomes, PictureOutcome } from "./picture-experiment.service.js";

export interface Figure {
  value: number;
  /** 95 %: percentiles over resamples of users, all seeds of a user together. */
  interval: Interval;
}

export interface ArmSummary {
  arm: string;
  numPairs: number;
  numSeeds: number;
  /** ΔR of every pair and seed, without the serving fallback. */
  meanDeltaR: Figure;
  medianDeltaR: Figure;
  /** Fraction with ΔR > 0; those that did not move count half. */
  winRate: Figure;
  /** Mean ΔR and rate of the serving rule, which shows the catalogue picture where the item ranks lower. */
  withFallback: { meanDeltaR: number; fallbackRate: number };
  cps: Figure;
  cpis: Figure;
  cs: Figure;
  cis: Figure;
}

export interface ExperimentResult {
  arms: ArmSummary[];
  /** Every two arms on the same pairs, by each pair's mean ΔR over seeds. */
  comparisons: Comparison[];
}

type Statistic = (values: readonly number[]) => number;

const median: Statistic = values =>
  percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
const winRate: Statistic = values =>
  mean(values.map(value => (value > 0 ? 1 : value === 0 ? 0.5 : 0)));

/** @param runs of one experiment: the same pairs in every arm and seed. */
export function summarizeOutcomes(runs: readonly ArmOutcomes[], seed = 0): ExperimentResult {
  const names = [...new Set(runs.map(({ arm }) => arm))];
  const byArm = names.map(arm => ({ arm, runs: runs.filter(run => run.arm === arm) }));
  const arms = byArm.map(({ arm, runs: own }): ArmSummary => {
    const valuesOf = (of: (outcome: PictureOutcome) => number) =>
      own[0].outcomes.map((_, pair) => own.map(run => of(run.outcomes[pair])));
    const figure = (of: (outcome: PictureOutcome) => number, statistic: Statistic = mean) =>
      figureOf(valuesOf(of), statistic, seedFrom(arm, seed));
    const deltas = valuesOf(({ deltaR }) => deltaR).flat();
    return {
      arm,
      numPairs: own[0].outcomes.length,
      numSeeds: own.length,
      meanDeltaR: figure(({ deltaR }) => deltaR),
      medianDeltaR: figure(({ deltaR }) => deltaR, median),
      winRate: figure(({ deltaR }) => deltaR, winRate),
      withFallback: {
        meanDeltaR: mean(deltas.map(delta => Math.max(0, delta))),
        fallbackRate: mean(deltas.map(delta => (delta < 0 ? 1 : 0))),
      },
      cps: figure(({ cps }) => cps),
      cpis: figure(({ cpis }) => cpis),
      cs: figure(({ cs }) => cs),
      cis: figure(({ cis }) => cis),
    };
  });
  const comparisons = comparePairs(
    byArm.map(({ arm, runs: own }) => ({
      name: arm,
      values: own[0].outcomes.map((_, pair) => mean(own.map(run => run.outcomes[pair].deltaR))),
    })),
    seed,
  );
  return { arms, comparisons };
}

/** The statistic of all values, and its percentiles when users are drawn again with all their values. */
function figureOf(
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
