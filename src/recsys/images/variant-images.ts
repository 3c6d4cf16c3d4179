/** @file The images of items' variants that a request chooses from, cached while their stamps are unchanged. */
import { LRUCache } from "lru-cache";
import type { VariantImage } from "../../db/variant-images.repository.js";

/** Version of the rule that chooses among them, `name@version`: it takes the place of the generator's. */
export const VARIANT_CHOICE = "variant@1";
/** Images of one item that are compared, so that a request's cost is bounded. */
export const MAX_VARIANT_IMAGES = 64;
/** Memory of the cache, in bytes. */
const MAX_BYTES = 32 * 2 ** 20;
/** Approximate size of an item's entry, and of an image beside its embedding. */
const TEXT_BYTES = 256;

/** An item whose variants are asked for. */
export interface VariantsOfItem {
  itemId: string;
  /** Content hash of its catalogue image. */
  sourceBlobHash: string;
  /** Equal stamps mean equal variants; null for an item without variants. */
  stamp: string | null;
}

interface Dependencies {
  /** Name and version of the encoder of the embeddings. */
  encoder: string;
  rows: {
    findChoices(
      encoder: string,
      itemIds: readonly string[],
      limit: number,
    ): Promise<ReadonlyMap<string, readonly VariantImage[]>>;
  };
}

export class VariantImages {
  private readonly kept = new LRUCache<string, readonly VariantImage[]>({
    maxSize: MAX_BYTES,
    sizeCalculation: images =>
      images.reduce((sum, { embedding }) => sum + embedding.byteLength + TEXT_BYTES, TEXT_BYTES),
  });

  constructor(private readonly deps: Dependencies) {}

  /**
   * The images of available variants that differ from the catalogue image and are indexed, in the shop's order: at most
   * {@link MAX_VARIANT_IMAGES}. No statement where no item has variants or all are cached, else one.
   *
   * @returns by item; an item without such images may be absent.
   */
  async of(items: readonly VariantsOfItem[]): Promise<Map<string, readonly VariantImage[]>> {
    const keyOf = ({ itemId, sourceBlobHash, stamp }: VariantsOfItem) =>
      JSON.stringify([itemId, sourceBlobHash, stamp]);
    const having = items.filter(({ stamp }) => stamp !== null);
    const found = new Map<string, readonly VariantImage[]>();
    const missing: VariantsOfItem[] = [];
    for (const item of having) {
      const images = this.kept.get(keyOf(item));
      if (images) {
        found.set(item.itemId, images);
      } else {
        missing.push(item);
      }
    }
    if (missing.length > 0) {
      const ids = [...new Set(missing.map(({ itemId }) => itemId))];
      const read = await this.deps.rows.findChoices(this.deps.encoder, ids, MAX_VARIANT_IMAGES);
      for (const item of missing) {
        const images = read.get(item.itemId) ?? [];
        this.kept.set(keyOf(item), images);
        found.set(item.itemId, images);
      }
    }
    return found;
  }
}
