/** @file Items that this process has read lately, with their embeddings: kept for as long as their stamps are the same. */
import { LRUCache } from "lru-cache";
import type { ItemStamp, StampedItem } from "../../db/retrieval.repository.js";

/** Memory for the items, in bytes: some ten thousand of them. */
const MAX_BYTES = 64 * 2 ** 20;
/** Of an item beside its embeddings, roughly. */
const TEXT_BYTES = 1_024;

export class RecentItems {
  private readonly kept = new LRUCache<string, StampedItem>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ captionEmbedding, imageEmbedding }) =>
      TEXT_BYTES + (captionEmbedding?.byteLength ?? 0) + (imageEmbedding?.byteLength ?? 0),
  });

  /** @param read Items of these ids as they are now. */
  constructor(private readonly read: (itemIds: readonly string[]) => Promise<StampedItem[]>) {}

  /** The items by their ids, at least as new as their stamps; without those that are gone. */
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
