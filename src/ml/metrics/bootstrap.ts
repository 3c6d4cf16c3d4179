/**
 * @file How sure a mean over users is: percentile intervals of its bootstrap distribution.
 *
 * B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
 */
import type { Random } from "../nn/random.js";

export type Interval = readonly [low: number, high: number];

/** Resamples of an interval: its ends then move by about a fiftieth of its width from one seed to another. */
export const DEFAULT_RESAMPLES = 2_000;

/** The 2.5th and 97.5th percentile of the means of resamples with replacement. */
export function bootstrapInterval(
  values: readonly number[],
  numResamples: number,
  random: Random,
): [low: number, high: number] {
  const means = bootstrapMeans(values, numResamples, random).sort();
  return [percentile(means, 0.025), percentile(means, 0.975)];
}

/** The mean of each resample with replacement, as many draws as values; `[numResamples]`. */
export function bootstrapMeans(
  values: readonly number[],
  numResamples: number,
  random: Random,
): Float64Array {
  const means = new Float64Array(numResamples);
  for (let resample = 0; resample < numResamples; resample++) {
    let sum = 0;
    values.forEach(() => (sum += values[random.int(values.length)])); // as many draws as values
    means[resample] = sum / values.length;
  }
  return means;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Linear between the two nearest of the sorted values. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const place = fraction * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.ceil(place);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}
