/**
 * @file Which of a user's items are learned from, which decide when to stop, and which are kept for judging.
 *
 * A split comes first; everything made from interactions (graphs, popularity, indices) sees its `train` part only. All
 * take each user's different items in the order of time, and never give an item to two parts. A user with fewer than three
 * items has nothing to spare: all are `train`.
 */
import type { Random } from "../../ml/nn/random.js";

/** Item indices of each user, rising. */
export interface Split {
  train: Int32Array[];
  validation: Int32Array[];
  test: Int32Array[];
}

type Parts = Record<keyof Split, readonly number[]>;

/** The fewest items of a user that are split. */
const MIN_ITEMS = 3;

/**
 * At random, as the official MICRO does: one item for test and one for validation below 10 items, else a fifth of them,
 * half for each.
 */
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
