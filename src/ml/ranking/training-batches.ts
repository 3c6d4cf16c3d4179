/** @file Which users, chosen items and other items an epoch of BPR looks at, as the official MICRO draws them. */
import type { Random } from "../nn/random.js";
import type { Triples } from "./bpr-loss.js";

/** `⌊n / batchSize⌋ + 1` batches for n interactions. */
export function numBatches(itemsOfUser: readonly Int32Array[], batchSize: number): number {
  const n = itemsOfUser.reduce((sum, items) => sum + items.length, 0);
  return Math.floor(n / batchSize) + 1;
}

/**
 * One batch: `batchSize` users (without repeats when there are as many, else with), for each one of its items and one that
 * is not, all uniform. Users without items, or with all of them, are never drawn.
 */
export function drawTriples(
  itemsOfUser: readonly Int32Array[],
  numItems: number,
  batchSize: number,
  random: Random,
): Triples {
  const eligible: number[] = [];
  itemsOfUser.forEach((items, user) => {
    if (items.length > 0 && items.length < numItems) {
      eligible.push(user);
    }
  });
  if (eligible.length === 0) {
    throw new Error("drawTriples: expected a user with some but not all items, got none");
  }
  const users =
    eligible.length >= batchSize
      ? random.shuffled(eligible).slice(0, batchSize)
      : Array.from({ length: batchSize }, () => eligible[random.int(eligible.length)]);
  return {
    users: Int32Array.from(users),
    positives: Int32Array.from(
      users,
      user => itemsOfUser[user][random.int(itemsOfUser[user].length)],
    ),
    negatives: Int32Array.from(users, user => {
      for (;;) {
        const item = random.int(numItems);
        if (!includesSorted(itemsOfUser[user], item)) {
          return item;
        }
      }
    }),
  };
}

/** Whether a rising list has `value`. */
export function includesSorted(values: Int32Array, value: number): boolean {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < values.length && values[low] === value;
}
