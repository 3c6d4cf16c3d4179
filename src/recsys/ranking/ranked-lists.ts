/**
 * @file A cache of whole rankings for recently requested users. A new interaction makes a ranking stale; it is
 * recomputed in the background, so that the next request finds it ready.
 */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import { topK } from "../../ml/nn/top-k.js";

/** Memory limit of all rankings. */
const MAX_BYTES = 64 * 2 ** 20;
/** Maximum bytes of an item in a ranking: its index and its score. */
const BYTES_PER_ITEM = 8;

/** Each selection is this many times deeper than the last, so that few passes over the scores suffice. */
const DEEPER = 4;

/** All items for one user, sorted as deep as requested. */
export class RankedList {
  private order = new Int32Array(0);
  private isWhole = false;

  /** @param scores In the order of `itemIds`. */
  constructor(
    readonly itemIds: readonly string[],
    readonly scores: Float32Array,
  ) {}

  /** Indices in `itemIds` of the `count` highest scores, best first; fewer if there are not as many. */
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
  /** Identifies the ranking's inputs; another value means that it is stale. */
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

  /** The user's cached list if it has these inputs; otherwise computes it with `make`. */
  get(userId: string, madeFrom: string, make: () => RankedList): RankedList {
    const before = this.kept.get(userId);
    if (before?.madeFrom === madeFrom) {
      return before.list;
    }
    const list = make();
    this.kept.set(userId, { madeFrom, list });
    return list;
  }

  /** Whether the user has a cached list. */
  has(userId: string): boolean {
    return this.kept.has(userId);
  }

  /** Removes the user's cached list. */
  forget(userId: string): void {
    this.kept.delete(userId);
  }

  /** Recomputes the lists of recently requested users, one after the other, yielding to requests. */
  async refresh(
    userIds: readonly string[],
    make: (userId: string) => Promise<void>,
  ): Promise<void> {
    userIds.filter(id => this.has(id)).forEach(id => this.waiting.add(id));
    if (this.isRefreshing) {
      return; // the running refresh includes them
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
