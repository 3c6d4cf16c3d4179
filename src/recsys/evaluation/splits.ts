/**
 * @file Splits each user's items into train, validation (early stopping) and test.
 *
 * The split comes first; everything derived from interactions (graphs, popularity, indices) uses its `train` part only.
 * Every split takes each user's distinct items in the order of time and assigns each to one part. Users with fewer than
 * three items are all `train`.
 */
import type { Random } from "../../ml/nn/random.js";

/** Item indices of each user, ascending. */
export interface Split {
  train: Int32Array[];
  validation: Int32Array[];
  test: Int32Array[];
}

type Parts = Record<keyof Split, readonly number[]>;

/** Minimum number of a user's items to split. */
const MIN_ITEMS = 3;

/** At random, as the official MICRO does: below 10 items one each for test and validation, otherwise a fifth, half for each. */
export function randomSplit(timelines: readonly (readonly number[])[], random: Random): Split {
  return split(timelines, items => {
    const numHeldOut = items.length < 10 ? 2 : Math.floor(0.2 * items.length);
    const shuffled = random.shuffled(items);
    const numTest = Math.floor(numHeldOut / 2);
    return {
      test: shuffled.slice(0, numTest),
      validation: shuffled.slice(numTest, numHeldOut),
      train: shuffled.slice(numHeldOut),
    };
  });
}

/** By time: the last item for test, the one before it for validation. */
export function leaveLastOneSplit(timelines: readonly (readonly number[])[]): Split {
  return split(timelines, items => byTime(items, 1));
}

/** By time, 8 : 1 : 1: the last tenth for test, the tenth before it for validation, at least one each. */
export function ratioSplit(timelines: readonly (readonly number[])[]): Split {
  return split(timelines, items => byTime(items, Math.max(1, Math.round(items.length / 10))));
}

/** The last `count` items for test, as many before them for validation. */
function byTime(items: readonly number[], count: number): Parts {
  const n = items.length;
  return {
    train: items.slice(0, n - 2 * count),
    validation: items.slice(n - 2 * count, n - count),
    test: items.slice(n - count),
  };
}

function split(
  timelines: readonly (readonly number[])[],
  parts: (items: readonly number[]) => Parts,
): Split {
  const all = timelines.map((items): Parts => {
    if (new Set(items).size !== items.length) {
      throw new Error("split: expected each user's items without repeats");
    }
    return items.length < MIN_ITEMS ? { train: items, validation: [], test: [] } : parts(items);
  });
  const rising = (part: keyof Split) =>
    all.map(({ [part]: items }) => Int32Array.from(items).sort());
  return { train: rising("train"), validation: rising("validation"), test: rising("test") };
}
