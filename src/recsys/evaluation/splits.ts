/**
 * @file Splits each user's items into train, validation (early stopping) and test.
 *
 * The split comes first; everything derived from interactions (graphs, popularity, indices) uses its `train` part only.
 * Every split takes each user's distinct items in the order of time and assigns each to one part. The splits per user leave
 * users with fewer than three items to `train`.
 *
 * A split per user mixes times: a model learns from what others did after the interaction that it has to predict. A global
 * cut in time ({@link timeSplit}) does not; it is the one to judge models by, and the others are for comparison with
 * published code.
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

/** The cuts of {@link timeSplit}, as shares of all interactions before them. */
export interface TimeShares {
  train: number;
  /** Train and validation together. */
  seen: number;
  /** All three parts; what is later is in none. Default: 1. */
  until?: number;
}

const defaultTimeShares: TimeShares = { train: 0.8, seen: 0.9 };

/**
 * By two cuts in time, the same for all users: what came before the first is train, from there to the second validation, the
 * rest test. Default: the 0.8 and 0.9 quantiles of all interactions; interactions of the same time stay together.
 *
 * A user without an item before the first cut is unknown to the model and in no part (see {@link numWithoutTrain}).
 *
 * @param times Of each item in `timelines`, in any unit.
 */
export function timeSplit(
  timelines: readonly (readonly number[])[],
  times: readonly (readonly number[])[],
  { seen, train: before, until = 1 }: TimeShares = defaultTimeShares,
): Split {
  const all = Float64Array.from(times.flat()).sort();
  const [first, second, end] = [before, seen, until].map(share =>
    share < 1 ? all[Math.floor(share * all.length)] : Infinity,
  );
  return partsOf(
    timelines.map((items, user): Parts => {
      const between = (from: number, to: number) =>
        items.filter((_, n) => times[user][n] >= from && times[user][n] < to);
      const train = between(-Infinity, first);
      return train.length === 0
        ? { train, validation: [], test: [] }
        : { train, validation: between(first, second), test: between(second, end) };
    }),
  );
}

/** Users that a model cannot learn, because they have no train item. They count in no metric. */
export function numWithoutTrain({ train }: Pick<Split, "train">): number {
  return train.filter(items => items.length === 0).length;
}

/** The items of all parts, by user: what a model that serves is trained on. */
export function wholeOf({ train, validation, test }: Split): Int32Array[] {
  return train.map((items, user) =>
    Int32Array.from([...items, ...validation[user], ...test[user]]).sort(),
  );
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
  return partsOf(
    timelines.map(items =>
      items.length < MIN_ITEMS ? { train: items, validation: [], test: [] } : parts(items),
    ),
  );
}

function partsOf(all: readonly Parts[]): Split {
  for (const { train, validation, test } of all) {
    const items = [...train, ...validation, ...test];
    if (new Set(items).size !== items.length) {
      throw new Error("split: expected each user's items without repeats");
    }
  }
  const rising = (part: keyof Split) =>
    all.map(({ [part]: items }) => Int32Array.from(items).sort());
  return { train: rising("train"), validation: rising("validation"), test: rising("test") };
}
