/** @file How far an item moved in a user's ranking when its picture changed. */
import { Random } from "../nn/random.js";

/**
 * ΔR: `(rankBefore - rankAfter) / (1 + rankBefore)` with ranks from 1, so positive is better. It is below 1, and has no
 * lower bound: the mean of many is ruled by the worst, so report the median and the win rate beside it.
 */
export function rankChange(rankBefore: number, rankAfter: number): number {
  if (!(rankBefore >= 1 && rankAfter >= 1)) {
    throw new Error(`rankChange: expected ranks from 1, got ${rankBefore} and ${rankAfter}`);
  }
  return (rankBefore - rankAfter) / (1 + rankBefore);
}

export interface RankChangeSummary {
  count: number;
  mean: number;
  median: number;
  /** Fraction with ΔR > 0; those that did not move count half. */
  winRate: number;
  /** 95 % interval of the mean: percentiles of bootstrap means. */
  meanInterval: readonly [low: number, high: number];
  histogram: readonly HistogramBin[];
}

/** `low <= ΔR < high`; the last bin includes 1. */
export interface HistogramBin {
  /** Null in the first bin, which has no lower end. */
  low: number | null;
  high: number;
  count: number;
}

export interface SummaryOptions {
  /** Seed of the bootstrap. Default: 0. */
  seed?: number;
  /** Resamples of the bootstrap. Default: 1000. */
  numResamples?: number;
}

/** The distribution of rank changes; null when there are none. */
export function summarizeRankChanges(
  changes: readonly number[],
  { seed = 0, numResamples = 1_000 }: SummaryOptions = {},
): RankChangeSummary | null {
  if (changes.length === 0) {
    return null;
  }
  const sorted = [...changes].sort((a, b) => a - b);
  const wins = changes.filter(change => change > 0).length;
  const ties = changes.filter(change => change === 0).length;
  return {
    count: changes.length,
    mean: mean(changes),
    median: percentile(sorted, 0.5),
    winRate: (wins + ties / 2) / changes.length,
    meanInterval: bootstrapInterval(changes, numResamples, new Random(seed)),
    histogram: histogram(changes),
  };
}

/** The 2.5th and 97.5th percentile of the means of resamples with replacement. */
export function bootstrapInterval(
  values: readonly number[],
  numResamples: number,
  random: Random,
): [low: number, high: number] {
  const means = new Float64Array(numResamples);
  for (let resample = 0; resample < numResamples; resample++) {
    let sum = 0;
    values.forEach(() => (sum += values[random.int(values.length)])); // as many draws as values
    means[resample] = sum / values.length;
  }
  means.sort();
  return [percentile(means, 0.025), percentile(means, 0.975)];
}

// Finer around 0, where most fall; below -1 an item fell to more than twice its rank.
const edges = [-4, -2, -1, -0.5, -0.25, -0.1, 0, 0.1, 0.25, 0.5, 0.75, 1] as const;

function histogram(changes: readonly number[]): HistogramBin[] {
  return edges.map((high, bin) => {
    const low = bin === 0 ? null : edges[bin - 1];
    const isLast = bin === edges.length - 1;
    const isInside = (change: number) =>
      change >= (low ?? -Infinity) && (change < high || (isLast && change <= high));
    return { low, high, count: changes.filter(isInside).length };
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Linear between the two nearest of the sorted values. */
function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const place = fraction * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.ceil(place);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}
