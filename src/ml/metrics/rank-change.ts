/** @file How far an item moved in a user's ranking when its image changed. */
import { Random, seedFrom } from "../nn/random.js";
import { clusterBootstrapInterval, clusterMedianInterval, mean, percentile } from "./bootstrap.js";

/**
 * ΔR: `(rankBefore - rankAfter) / (1 + rankBefore)` with ranks from 1; positive is better. It is below 1 and has no
 * lower bound, so the worst values dominate the mean: report the median and the win rate too.
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
  /** Fraction with ΔR > 0; unchanged ranks count half. */
  winRate: number;
  /** 95 % interval of the mean: percentiles of bootstrap means over users. */
  meanInterval: readonly [low: number, high: number];
  /** The same of the median and of the win rate. */
  medianInterval: readonly [low: number, high: number];
  winRateInterval: readonly [low: number, high: number];
  histogram: readonly HistogramBin[];
}

/** `low <= ΔR < high`; the last bin includes 1. */
export interface HistogramBin {
  /** Null in the first bin, which has no lower bound. */
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

/**
 * The distribution of rank changes; null when there are none.
 *
 * @param userIds The user of each change; the interval resamples users.
 */
export function summarizeRankChanges(
  changes: readonly number[],
  userIds: readonly string[],
  { seed = 0, numResamples = 1_000 }: SummaryOptions = {},
): RankChangeSummary | null {
  if (changes.length === 0) {
    return null;
  }
  const sorted = [...changes].sort((a, b) => a - b);
  const wins = changes.map(change => (change > 0 ? 1 : change === 0 ? 0.5 : 0));
  const randomFor = (figure: string) => new Random(seedFrom(figure, seed));
  return {
    count: changes.length,
    mean: mean(changes),
    median: percentile(sorted, 0.5),
    winRate: mean(wins),
    meanInterval: clusterBootstrapInterval(changes, userIds, numResamples, new Random(seed)),
    medianInterval: clusterMedianInterval(changes, userIds, numResamples, randomFor("median")),
    winRateInterval: clusterBootstrapInterval(wins, userIds, numResamples, randomFor("win rate")),
    histogram: histogram(changes),
  };
}

// Finer around 0, where most values are; below -1 the rank more than doubled.
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
