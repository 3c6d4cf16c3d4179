/**
 * @file Whole rankings of the catalogue, kept for the users who were asked for last. A user's new interaction makes the kept
 * one stale; it is made anew in the background, so that the next request finds it ready.
 */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import { topK } from "../../ml/nn/top-k.js";

/** Memory that rankings may take. */
const MAX_BYTES = 64 * 2 ** 20;
/** Bytes of an item in a ranking, at most: its place in the order and its score. */
const BYTES_PER_ITEM = 8;

/** How much deeper a selection goes than the one before: so few passes over the scores suffice. */
const DEEPER = 4;

/** All items for one user, sorted as deep as was asked for. */
export class RankedList {
  private order = new Int32Array(0);
  private isWhole = false;

  /** @param scores By place in `itemIds`. */
  constructor(
    readonly itemIds: readonly string[],
    readonly scores: Float32Array,
  ) {}

  /** Places in `itemIds` of the `count` highest scores, best first; all there are when there are fewer. */
  best(count: number): Int32Array {
    if (this.order.length < count && !this.isWhole) {
      const depth = Math.min(this.scores.length, Math.max(count, DEEPER * this.order.length));
      this.order = Int32Array.from(topK(this.scores, depth));
      this.isWhole = depth === this.scores.length;
    }
    return this.order.subarray(0, count);
  }
}

interface Kept {
  /** What the ranking was made from; another means that it is stale. */
  madeFrom: string;
  list: RankedList;
}

export class RankedLists {
  private readonly kept = new LRUCache<string, Kept>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ list }) => BYTES_PER_ITEM * list.scores.length + 1,
  });
  private readonly waiting = new Set<string>();
  private isRefreshing = false;

  /** The kept list of a user, if it was made from this; else one that `make` makes now. */
  get(userId: string, madeFrom: string, make: () => RankedList): RankedList {
    const before = this.kept.get(userId);
    if (before?.madeFrom === madeFrom) {
      return before.list;
    }
    const list = make();
    this.kept.set(userId, { madeFrom, list });
    return list;
  }

  /** Whether anyone asked for this user lately. */
  has(userId: string): boolean {
    return this.kept.has(userId);
  }

  /** Drops the kept list of a user. */
  forget(userId: string): void {
    this.kept.delete(userId);
  }

  /** Makes the lists of users who were asked for lately anew, one after the other, letting requests pass between. */
  async refresh(
    userIds: readonly string[],
    make: (userId: string) => Promise<void>,
  ): Promise<void> {
    userIds.filter(id => this.has(id)).forEach(id => this.waiting.add(id));
    if (this.isRefreshing) {
      return; // whoever runs takes them along
    }
    this.isRefreshing = true;
    try {
      for (const userId of this.waiting) {
        this.waiting.delete(userId);
        await make(userId);
        await yieldToEventLoop();
      }
    } finally {
      this.isRefreshing = false;
    }
  }
}
