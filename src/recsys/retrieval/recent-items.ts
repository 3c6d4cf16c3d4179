/** @file A cache of recently read items with their embeddings, valid while their stamps are unchanged. */
import { LRUCache } from "lru-cache";
import type { ItemStamp, StampedItem } from "../../db/retrieval.repository.js";

/** Memory of the cache, in bytes: about ten thousand items. */
const MAX_BYTES = 64 * 2 ** 20;
/** Approximate size of an item beside its embeddings. */
const TEXT_BYTES = 1_024;

export class RecentItems {
  private readonly kept = new LRUCache<string, StampedItem>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ captionEmbedding, imageEmbedding }) =>
      TEXT_BYTES + (captionEmbedding?.byteLength ?? 0) + (imageEmbedding?.byteLength ?? 0),
  });

  /** @param read Reads the current items of these ids. */
  constructor(private readonly read: (itemIds: readonly string[]) => Promise<StampedItem[]>) {}

  /** The items by id, at least as new as their stamps; without deleted ones. */
  async find(stamps: readonly ItemStamp[]): Promise<Map<string, StampedItem>> {
    const found = new Map<string, StampedItem>();
    for (const { itemId, stamp } of stamps) {
      const item = this.kept.get(itemId);
      if (item?.stamp === stamp) {
        found.set(itemId, item);
      }
    }
    const missing = stamps.flatMap(({ itemId }) => (found.has(itemId) ? [] : itemId));
    if (missing.length > 0) {
      for (const item of await this.read(missing)) {
        this.kept.set(item.itemId, item);
        found.set(item.itemId, item);
      }
    }
    return found;
  }
}
