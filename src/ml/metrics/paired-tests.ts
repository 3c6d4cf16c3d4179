/**
 * @file Significance tests: is one model better than another on the same users?
 *
 * Each takes every user's value under both models, in the same order, and tests the differences `a - b`. The p-values
 * are two-sided: the probability of a difference at least as large if the models were alike.
 */
import type { Random } from "../nn/random.js";
import { bootstrapMeans, DEFAULT_RESAMPLES, type Interval, mean, percentile } from "./bootstrap.js";
import { normalTail } from "./normal-tail.js";

export interface PairedDifference {
  /** Mean of `a - b`. */
  difference: number;
  /** 95 % bootstrap interval of the mean difference. */
  interval: Interval;
  pValue: number;
}

/**
 * Resamples users. p is the fraction of resampled means, shifted to a mean of 0 as if the models were alike, that are at
 * least as extreme as the observed one, which counts too (Efron and Tibshirani 1993, section 16.4).
 */
export function pairedBootstrap(
  a: readonly number[],
  b: readonly number[],
  random: Random,
  numResamples = DEFAULT_RESAMPLES,
): PairedDifference {
  const differences = pairedDifferences(a, b);
  const difference = mean(differences);
  const means = bootstrapMeans(differences, numResamples, random).sort();
  const isAsFar = (value: number) =>
    Math.abs(value - difference) >= Math.abs(difference) * (1 - ROUNDING);
  return {
    difference,
    interval: [percentile(means, 0.025), percentile(means, 0.975)],
    pValue: (1 + means.filter(isAsFar).length) / (numResamples + 1),
  };
}

/** Relative tolerance for equal sums in different order. */
const ROUNDING = 1e-9;

/** Up to this many pairs the distribution of the rank sum is exact. */
const MAX_EXACT_RANKS = 50;

export interface SignedRankTest {
  /** The sum of the ranks of the positive differences. */
  positiveRankSum: number;
  pValue: number;
}

/**
 * Wilcoxon's signed-rank test: leaves out pairs without a difference; ties take their mid-rank. Exact up to `maxExact`
 * pairs (the distribution given the ties), otherwise normal with the tie and continuity corrections.
 */
export function wilcoxonSignedRank(
  a: readonly number[],
  b: readonly number[],
  maxExact = MAX_EXACT_RANKS,
): SignedRankTest {
  const differences = pairedDifferences(a, b).filter(difference => difference !== 0);
  const n = differences.length;
  const ranks = midRanks(differences.map(Math.abs));
  const positiveRankSum = ranks.reduce((sum, r, i) => (differences[i] > 0 ? sum + r : sum), 0);
  if (n === 0) {
    return { positiveRankSum, pValue: 1 };
  }
  const expected = (n * (n + 1)) / 4;
  const distance = Math.abs(positiveRankSum - expected);
  if (n <= maxExact) {
    return { positiveRankSum, pValue: exactRankSumPValue(ranks, distance) };
  }
  const variance = ranks.reduce((sum, r) => sum + r * r, 0) / 4; // with mid-ranks this is the tie correction
  const z = Math.max(0, distance - 0.5) / Math.sqrt(variance);
  return { positiveRankSum, pValue: Math.min(1, 2 * normalTail(z)) };
}

/** Fraction of all 2^n sign choices whose rank sum is at least `distance` from its mean; over doubled (integer) ranks. */
function exactRankSumPValue(ranks: readonly number[], distance: number): number {
  const doubled = ranks.map(r => Math.round(2 * r));
  const total = doubled.reduce((sum, r) => sum + r, 0);
  const probability = new Float64Array(total + 1);
  probability[0] = 1;
  let reach = 0;
  for (const r of doubled) {
    reach += r;
    for (let sum = reach; sum >= 0; sum--) {
      probability[sum] = (probability[sum] + (sum >= r ? probability[sum - r] : 0)) / 2;
    }
  }
  return probability.reduce(
    (p, mass, sum) => (Math.abs(sum - total / 2) >= 2 * distance - ROUNDING ? p + mass : p),
    0,
  );
}

/** Ranks from 1 in ascending order; equal values share their mean rank. */
export function midRanks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((i, j) => values[i] - values[j]);
  const ranks = new Array<number>(values.length);
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && values[order[end]] === values[order[start]]) {
      end++;
    }
    for (let place = start; place < end; place++) {
      ranks[order[place]] = (start + 1 + end) / 2;
    }
    start = end;
  }
  return ranks;
}

/**
 * Holm's step-down correction of the p-values of simultaneous comparisons, in the order given: rejecting those below α
 * keeps the probability of any error at or below α (S. Holm, 1979).
 */
export function holmAdjusted(pValues: readonly number[]): number[] {
  const order = pValues.map((_, index) => index).sort((i, j) => pValues[i] - pValues[j]);
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  order.forEach((index, place) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - place) * pValues[index]));
    adjusted[index] = largest;
  });
  return adjusted;
}

function pairedDifferences(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length || a.length === 0) {
    throw new Error(`paired test: expected equal lengths, got ${a.length} and ${b.length}`);
  }
  return a.map((value, index) => value - b[index]);
}
