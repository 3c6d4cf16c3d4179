/** @file The batches of an epoch of BPR: users, chosen and unchosen items, drawn as in the official codes. */
import { AppError } from "../../errors/app-error.js";
import type { Random } from "../nn/random.js";
import type { Triples } from "./bpr-loss.js";
import { interactions } from "./user-item-graph.js";

/** `⌊n / batchSize⌋ + 1` batches for n interactions. */
export function numBatches(itemsOfUser: readonly Int32Array[], batchSize: number): number {
  const n = itemsOfUser.reduce((sum, items) => sum + items.length, 0);
  return Math.floor(n / batchSize) + 1;
}

/** The distinct items of a batch, by ascending index. */
export function batchItems({ positives, negatives }: Triples): Int32Array {
  return Int32Array.from(new Set([...positives, ...negatives])).sort();
}

/** The users' choices and their strengths. */
export interface Choices {
  itemsOfUser: readonly Int32Array[];
  /** In the order of `itemsOfUser`. Default: all equal. */
  strengths?: readonly Float32Array[];
}

/**
 * One batch: `batchSize` users (without repeats if there are enough), for each one of its items and one other item, all
 * uniform, but chosen items in proportion to strengths where given. Users with no items, or all of them, are never
 * drawn.
 *
 * @throws AppError NOTHING_TO_COMPARE when no user is left.
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

/** The {@link numBatches} batches of an epoch, each drawn when it is asked for. */
export function* drawnTriples(
  choices: Choices,
  numItems: number,
  batchSize: number,
  random: Random,
): Generator<Triples> {
  for (let left = numBatches(choices.itemsOfUser, batchSize); left > 0; left--) {
    yield drawTriples(choices, numItems, batchSize, random);
  }
}

/** An index below `count`, in proportion to the strengths; uniform without any. */
function drawPlace(count: number, strengths: Float32Array | undefined, random: Random): number {
  return strengths ? new WeightedDraw(strengths).next(random) : random.int(count);
}

/** Indices drawn in proportion to their strengths, with repeats; uniform when all strengths are 0. */
class WeightedDraw {
  /** Cumulative sums, inclusive. */
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

/** Whether a sorted list has `value`. */
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

/** Number of batches of {@link epochTriples}. @throws AppError NOTHING_TO_COMPARE */
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
 * One epoch over all interactions in random order in batches of `batchSize`, each with one item that its user did not
 * choose (MMRec). Leaves out users who chose everything. With strengths, draws as many interactions in proportion to
 * them, with repeats.
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

/** An item that is not in `items`, uniform. */
function drawOther(items: Int32Array, numItems: number, random: Random): number {
  for (;;) {
    const item = random.int(numItems);
    if (!includesSorted(items, item)) {
      return item;
    }
  }
}
