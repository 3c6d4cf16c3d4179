/** @file Items whose pictures show much the same as one's, by their captions. */
import { AppError } from "../../errors/app-error.js";
import type { CaptionIndex, SimilarItem } from "./caption-index.js";

/** Asked of the index at first, as a multiple of what is wanted: some items will not be available. */
const SPARE = 2;

interface Dependencies {
  /** Reading `current` throws `INDEX_NOT_BUILT` while there is none. */
  index: { readonly current: CaptionIndex };
  items: {
    existing(ids: readonly string[]): Promise<ReadonlySet<string>>;
    findAvailable(ids: readonly string[]): Promise<ReadonlySet<string>>;
  };
}

export class SimilarItemsService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * The `k` available items most similar to an item, best first, without itself; none if it is not indexed.
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
    // Asks for ever more until enough of them can be bought or there are no more: a few statements at most.
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
