/**
 * @file Percentile bootstrap intervals of a mean over users.
 *
 * B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
 */
import type { Random } from "../nn/random.js";

export type Interval = readonly [low: number, high: number];

/** Resamples of an interval: its ends then vary by about a fiftieth of its width between seeds. */
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

/**
 * The same for clustered values, such as the requests of one user: resamples whole clusters and averages all their
 * values. Values of one user are alike, so resampling single values gives too narrow an interval.
 *
 * A. Davison, D. Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8 (resampling of groups).
 *
 * @param clusters The cluster of each value.
 */
export function clusterBootstrapInterval(
  values: readonly number[],
  clusters: readonly string[],
  numResamples: number,
  random: Random,
): [low: number, high: number] {
  const groups = new Map<string, { sum: number; count: number }>();
  values.forEach((value, place) => {
    const group = groups.get(clusters[place]) ?? { sum: 0, count: 0 };
    groups.set(clusters[place], { sum: group.sum + value, count: group.count + 1 });
  });
  const all = [...groups.values()];
  const means = Float64Array.from({ length: numResamples }, () => {
    let sum = 0;
    let count = 0;
    all.forEach(() => {
      const group = all[random.int(all.length)]; // as many draws as clusters
      sum += group.sum;
      count += group.count;
    });
    return sum / count;
  }).sort();
  return [percentile(means, 0.025), percentile(means, 0.975)];
}

/** {@link clusterBootstrapInterval} for the median. */
export function clusterMedianInterval(
  values: readonly number[],
  clusters: readonly string[],
  numResamples: number,
  random: Random,
): [low: number, high: number] {
  const indexOf = new Map<string, number>();
  const groups = clusters.map(name => {
    const index = indexOf.get(name) ?? indexOf.size;
    indexOf.set(name, index);
    return index;
  });
  // Sorted once: a resample only says how often each value counts.
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  const sorted = Float64Array.from(order, index => values[index]);
  const owners = Int32Array.from(order, index => groups[index]);
  const sizes = new Int32Array(indexOf.size);
  groups.forEach(group => sizes[group]++);
  const times = new Int32Array(indexOf.size);
  const medians = Float64Array.from({ length: numResamples }, () => {
    times.fill(0);
    let count = 0;
    sizes.forEach(() => {
      const drawn = random.int(sizes.length);
      times[drawn]++;
      count += sizes[drawn];
    });
    const lower = valueAt(sorted, owners, times, Math.floor((count - 1) / 2));
    return count % 2 === 1
      ? lower
      : (lower + valueAt(sorted, owners, times, Math.floor(count / 2))) / 2;
  }).sort();
  return [percentile(medians, 0.025), percentile(medians, 0.975)];
}

/** The value at a place, from 0, of the sorted values, each as often as its owner was drawn. */
function valueAt(
  sorted: Float64Array,
  owners: Int32Array,
  times: Int32Array,
  place: number,
): number {
  let index = -1;
  for (let seen = 0; seen <= place;) {
    index++;
    seen += times[owners[index]];
  }
  return sorted[index];
}

/** The mean of each resample with replacement, each as large as `values`; `[numResamples]`. */
export function bootstrapMeans(
  values: readonly number[],
  numResamples: number,
  random: Random,
): Float64Array {
  const means = new Float64Array(numResamples);
  for (let resample = 0; resample < numResamples; resample++) {
    let sum = 0;
    values.forEach(() => (sum += values[random.int(values.length)]));
    means[resample] = sum / values.length;
  }
  return means;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Linear interpolation between sorted values. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const place = fraction * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.ceil(place);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}
