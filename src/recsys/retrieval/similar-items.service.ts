/** @file Items with similar captions. */
import { AppError } from "../../errors/app-error.js";
import type { CaptionIndex, SimilarItem } from "./caption-index.js";

/** First request to the index as a multiple of `k`: some items will not be available. */
const SPARE = 2;

interface Dependencies {
  /** Reading `current` throws `INDEX_NOT_BUILT` before the index is built. */
  index: { readonly current: CaptionIndex };
  items: {
    existing(ids: readonly string[]): Promise<ReadonlySet<string>>;
    findAvailable(ids: readonly string[]): Promise<ReadonlySet<string>>;
  };
}

export class SimilarItemsService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * The `k` available items most similar to an item, best first, without itself; empty if it is not indexed.
   *
   * @throws AppError `ITEM_NOT_FOUND`, `INDEX_NOT_BUILT`
   */
  async similarItems(itemId: string, k: number): Promise<SimilarItem[]> {
    const { items } = this.deps;
    const index = this.deps.index.current;
    const vector = index.vectorOf(itemId);
    if (!vector) {
      if (!(await items.existing([itemId])).has(itemId)) {
        throw new AppError("ITEM_NOT_FOUND", { itemId });
      }
      return [];
    }
    // Requests more and more until enough are available or none remain: a few statements at most.
    for (let numAsked = k * SPARE; ; numAsked *= 4) {
      const found = index.search(vector, numAsked, { exclude: new Set([itemId]) });
      const available = await items.findAvailable(found.map(item => item.itemId));
      const kept = found.filter(item => available.has(item.itemId));
      if (kept.length >= k || found.length < numAsked) {
        return kept.slice(0, k);
      }
    }
  }
}
