/** @file Which users, chosen items and other items an epoch of BPR looks at, as the official codes draw them. */
import { AppError } from "../../errors/app-error.js";
import type { Random } from "../nn/random.js";
import type { Triples } from "./bpr-loss.js";
import { interactions } from "./user-item-graph.js";

/** `⌊n / batchSize⌋ + 1` batches for n interactions. */
export function numBatches(itemsOfUser: readonly Int32Array[], batchSize: number): number {
  const n = itemsOfUser.reduce((sum, items) => sum + items.length, 0);
  return Math.floor(n / batchSize) + 1;
}

/** Who chose what, and how much it counts. */
export interface Choices {
  itemsOfUser: readonly Int32Array[];
  /** In the order of `itemsOfUser`. Default: all the same. */
  strengths?: readonly Float32Array[];
}

/**
 * One batch: `batchSize` users (without repeats when there are as many, else with), for each one of its items and one that
 * is not, all uniform, but for the first of these in proportion to strengths where there are any. Users without items, or with all of them, are never drawn.
 *
 * @throws AppError NOTHING_TO_COMPARE when no other user is left.
 */
export function drawTriples(
  { itemsOfUser, strengths }: Choices,
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
    throw new AppError("NOTHING_TO_COMPARE");
  }
  const users =
    eligible.length >= batchSize
      ? random.shuffled(eligible).slice(0, batchSize)
      : Array.from({ length: batchSize }, () => eligible[random.int(eligible.length)]);
  return {
    users: Int32Array.from(users),
    positives: Int32Array.from(
      users,
      user => itemsOfUser[user][drawPlace(itemsOfUser[user].length, strengths?.[user], random)],
    ),
    negatives: Int32Array.from(users, user => drawOther(itemsOfUser[user], numItems, random)),
  };
}

/** A place below `count`, in proportion to the strengths; uniform without any. */
function drawPlace(count: number, strengths: Float32Array | undefined, random: Random): number {
  return strengths ? new WeightedDraw(strengths).next(random) : random.int(count);
}

/** Places drawn in proportion to their strengths, with repeats; uniform when all strengths are 0. */
class WeightedDraw {
  /** Sums up to each place and with it. */
  private readonly sums: Float64Array;

  constructor(private readonly strengths: Float32Array) {
    let sum = 0;
    this.sums = Float64Array.from(strengths, strength => (sum += strength));
  }

  next(random: Random): number {
    const total = this.sums[this.sums.length - 1];
    if (!(total > 0)) {
      return random.int(this.strengths.length);
    }
    const target = random.uniform() * total;
    let low = 0;
    let high = this.sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sums[middle] > target) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
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

/** How many batches {@link epochTriples} gives. @throws AppError NOTHING_TO_COMPARE */
export function numEpochBatches(
  itemsOfUser: readonly Int32Array[],
  numItems: number,
  batchSize: number,
): number {
  const n = itemsOfUser.reduce((sum, a) => sum + (a.length < numItems ? a.length : 0), 0);
  if (n === 0) {
    throw new AppError("NOTHING_TO_COMPARE");
  }
  return Math.ceil(n / batchSize);
}

/**
 * One epoch over all interactions in random order, `batchSize` at a time, with one item for each that its user did not
 * choose (MMRec). Those of users who chose everything are left out. With strengths, as many interactions are drawn in
 * proportion to them, with repeats.
 */
export function* epochTriples(
  { itemsOfUser, strengths }: Choices,
  numItems: number,
  batchSize: number,
  random: Random,
): Generator<Triples> {
  const isLearnt = (user: number) => itemsOfUser[user].length < numItems;
  const { users, items } = interactions(itemsOfUser.map((a, user) => (isLearnt(user) ? a : none)));
  const order = strengths
    ? drawnOrder(
        strengths.filter((_, user) => isLearnt(user)),
        random,
      )
    : shuffledOrder(users.length, random);
  for (let start = 0; start < order.length; start += batchSize) {
    const batch = order.subarray(start, start + batchSize);
    const ofBatch = batch.map(e => users[e]);
    yield {
      users: ofBatch,
      positives: batch.map(e => items[e]),
      negatives: ofBatch.map(user => drawOther(itemsOfUser[user], numItems, random)),
    };
  }
}

const none = new Int32Array(0);

function shuffledOrder(count: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: count }, (_, e) => e);
  for (let e = count - 1; e > 0; e--) {
    const other = random.int(e + 1);
    [order[e], order[other]] = [order[other], order[e]];
  }
  return order;
}

/** As many places as there are strengths. */
function drawnOrder(strengthsOfUsers: readonly Float32Array[], random: Random): Int32Array {
  const all = new Float32Array(strengthsOfUsers.reduce((sum, own) => sum + own.length, 0));
  let at = 0;
  for (const own of strengthsOfUsers) {
    all.set(own, at);
    at += own.length;
  }
  const draw = new WeightedDraw(all);
  return Int32Array.from(all, () => draw.next(random));
}

/** An item that is not among `items`, uniform. */
function drawOther(items: Int32Array, numItems: number, random: Random): number {
  for (;;) {
    const item = random.int(numItems);
    if (!includesSorted(items, item)) {
      return item;
    }
  }
}
