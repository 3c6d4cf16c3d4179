/** @file Similar items: those with the nearest captions, ordered by captions, images and words. */
import { AppError } from "../../errors/app-error.js";
import type { CaptionIndex, SimilarItem } from "./caption-index.js";
import { ItemLikeness, type ItemTraits, type SampledTraits } from "./item-likeness.js";

/** The nearest items by caption that are compared together. Further ones follow them, in blocks of growing size. */
const FIRST_BLOCK = 200;
/** Items that show how much the signals vary in the catalogue: 19,900 pairs. */
const SAMPLE_SIZE = 200;
/** The sample is taken again after this fraction of the items changed. */
const SAMPLE_AGAIN_AFTER = 0.1;

interface Dependencies {
  /** Reading `current` throws `INDEX_NOT_BUILT` before the index is built. */
  index: { readonly current: CaptionIndex };
  items: {
    existing(ids: readonly string[]): Promise<ReadonlySet<string>>;
    /** Of those of `ids` that are in the catalogue. */
    findTraits(
      ids: readonly string[],
    ): Promise<readonly (ItemTraits & { itemId: string; isAvailable: boolean })[]>;
    /** The same items for the same catalogue. */
    sampleTraits(limit: number): Promise<readonly SampledTraits[]>;
  };
}

export class SimilarItemsService {
  private known: { numItems: number; likeness: Promise<ItemLikeness> } | null = null;

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
    const [item] = vector ? await items.findTraits([itemId]) : [];
    if (!vector || !item) {
      if (!(await items.existing([itemId])).has(itemId)) {
        throw new AppError("ITEM_NOT_FOUND", { itemId });
      }
      return [];
    }
    const likeness = await this.likenessOf(index.numItems);
    const kept: SimilarItem[] = [];
    const exclude = new Set([itemId]);
    // The blocks do not depend on `k`, so that pages of a list fit together.
    for (let size = FIRST_BLOCK; kept.length < k; size *= 2) {
      const block = index.search(vector, size, { exclude });
      kept.push(...(await this.ordered(item, block, likeness)));
      block.forEach(found => exclude.add(found.itemId));
      if (block.length < size) {
        break;
      }
    }
    return kept.slice(0, k);
  }

  /** The available ones, most similar first, ties by id. */
  private async ordered(
    item: ItemTraits,
    block: readonly SimilarItem[],
    likeness: ItemLikeness,
  ): Promise<SimilarItem[]> {
    const traits = await this.deps.items.findTraits(block.map(({ itemId }) => itemId));
    const cosineOf = new Map(block.map(({ itemId, similarity }) => [itemId, similarity]));
    const others = traits
      .filter(({ isAvailable }) => isAvailable)
      .map(other => ({ ...other, captionCosine: cosineOf.get(other.itemId)! })); // was asked for
    const similarities = likeness.compare(item, others);
    return others
      .map(({ itemId }, n) => ({ itemId, similarity: similarities[n] }))
      .sort((a, b) => b.similarity - a.similarity || (a.itemId < b.itemId ? -1 : 1));
  }

  private likenessOf(numItems: number): Promise<ItemLikeness> {
    const before = this.known;
    if (before && Math.abs(numItems - before.numItems) <= SAMPLE_AGAIN_AFTER * before.numItems) {
      return before.likeness;
    }
    const likeness = this.deps.items
      .sampleTraits(SAMPLE_SIZE)
      .then(sample => new ItemLikeness(sample));
    this.known = { numItems, likeness };
    likeness.catch(() => {
      this.known = this.known?.likeness === likeness ? null : this.known; // the next request retries
    });
    return likeness;
  }
}
