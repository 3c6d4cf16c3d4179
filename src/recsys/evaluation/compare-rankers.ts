/** @file Confidence intervals of evaluated models' metrics, and significance tests of their differences. */
import { bootstrapInterval, DEFAULT_RESAMPLES, type Interval } from "../../ml/metrics/bootstrap.js";
import {
  holmAdjusted,
  type PairedDifference,
  pairedBootstrap,
  wilcoxonSignedRank,
} from "../../ml/metrics/paired-tests.js";
import { Random, seedFrom } from "../../ml/nn/random.js";

/** One model's values of one metric, one per user, in an order that all models share. */
export interface UserValues {
  name: string;
  values: readonly number[];
}

export interface Comparison extends PairedDifference {
  better: string;
  worse: string;
  /** p of the paired bootstrap with Holm's correction for all comparisons. */
  holmPValue: number;
  /** p of Wilcoxon's signed-rank test, uncorrected. */
  wilcoxonPValue: number;
}

/** 95 % bootstrap interval of the mean over users; null without any. */
export function userInterval({ name, values }: UserValues, seed: number): Interval | null {
  const random = new Random(seedFrom("interval", name, seed));
  return values.length === 0 ? null : bootstrapInterval(values, DEFAULT_RESAMPLES, random);
}

/** Every pair of models on the same users, each with the higher mean first; empty without users. */
export function comparePairs(models: readonly UserValues[], seed: number): Comparison[] {
  if (models.some(({ values }) => values.length === 0)) {
    return [];
  }
  const mean = ({ values }: UserValues) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const ordered = [...models].sort((a, b) => mean(b) - mean(a));
  const pairs = ordered.flatMap((a, place) =>
    ordered.slice(place + 1).map(b => {
      const random = new Random(seedFrom("pair", a.name, b.name, seed));
      return {
        better: a.name,
        worse: b.name,
        ...pairedBootstrap(a.values, b.values, random),
        wilcoxonPValue: wilcoxonSignedRank(a.values, b.values).pValue,
      };
    }),
  );
  const adjusted = holmAdjusted(pairs.map(({ pValue }) => pValue));
  return pairs.map((pair, place) => ({ ...pair, holmPValue: adjusted[place] }));
}

/** One model against another on the same users, whichever is better. */
export interface BaselineComparison extends PairedDifference {
  baseline: string;
  other: string;
  /** p of the paired bootstrap with Holm's correction for all comparisons with the baseline. */
  holmPValue: number;
  /** p of Wilcoxon's signed-rank test, uncorrected and with Holm's correction. */
  wilcoxonPValue: number;
  wilcoxonHolmPValue: number;
}

/** The baseline against each of the others, in order; differences are the baseline's value minus the other's. */
export function compareWithBaseline(
  baseline: UserValues,
  others: readonly UserValues[],
  seed: number,
): BaselineComparison[] {
  const tests = others.map(({ name, values }) => ({
    baseline: baseline.name,
    other: name,
    ...pairedBootstrap(
      baseline.values,
      values,
      new Random(seedFrom("baseline", baseline.name, name, seed)),
    ),
    wilcoxonPValue: wilcoxonSignedRank(baseline.values, values).pValue,
  }));
  const holm = holmAdjusted(tests.map(({ pValue }) => pValue));
  const wilcoxonHolm = holmAdjusted(tests.map(({ wilcoxonPValue }) => wilcoxonPValue));
  return tests.map((test, place) => ({
    ...test,
    holmPValue: holm[place],
    wilcoxonHolmPValue: wilcoxonHolm[place],
  }));
}
