/**
 * @file The images made for one user of many items, as the surrogate predicts them from the user's train items (Eq. 3-5).
 */
import { addScaled, type Matrix, row } from "../../../ml/nn/matrix.js";
import { trainTimeline } from "../../reflection/pairs.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import { correlate } from "../../retrieval/correlation-unit.js";
import { fusionWeights } from "../../retrieval/fusion-unit.js";
import type { PredictedImages, PreferredItem } from "./image-surrogate.js";

interface HistoryEntry {
  itemId: string;
  itemIndex: number;
  occurredAt: Date;
  captionEmbedding: Float32Array;
}

/** What of a user's items is read. */
export interface HistoryOptions {
  k: number;
  historyLimit: number;
}

/** Items whose images and captions are encoded, of the given ones; the latest `historyLimit`, in the order of time. */
function comparable(
  { items, ranker }: Pick<ShopSnapshot, "items" | "ranker">,
  timeline: readonly number[],
): HistoryEntry[] {
  return timeline.flatMap((itemIndex, place): HistoryEntry[] => {
    const itemId = ranker.itemIds[itemIndex];
    const item = items.get(itemId);
    const occurredAt = new Date(place); // only their order counts
    return item?.captionEmbedding && item.imageEmbedding
      ? [{ itemId, itemIndex, occurredAt, captionEmbedding: item.captionEmbedding }]
      : [];
  });
}

/** Reads one user's history once, for all items. */
export class UserImages {
  private readonly history: readonly HistoryEntry[];

  /** @param timeline The user's items in the order of time. */
  constructor(
    private readonly shop: Pick<ShopSnapshot, "items" | "ranker">,
    timeline: readonly number[],
    private readonly options: HistoryOptions,
  ) {
    this.history = comparable(shop, timeline);
  }

  /** The images of a user of the snapshot, from their train items. */
  static ofTrain(shop: ShopSnapshot, user: number, options: HistoryOptions): UserImages {
    return new UserImages(shop, trainTimeline(shop, user), options);
  }

  /** The items behind P^ret, with their weights s'; null where nothing can be compared. */
  preferenceFor(itemIndex: number): PreferredItem[] | null {
    const reference = this.shop.items.get(this.shop.ranker.itemIds[itemIndex]);
    const others = this.history.filter(entry => entry.itemIndex !== itemIndex);
    if (!reference?.captionEmbedding || !reference.imageEmbedding || others.length === 0) {
      return null;
    }
    const { historyLimit, k } = this.options;
    const found = correlate(others.slice(-historyLimit), reference.captionEmbedding, k);
    const weights = fusionWeights(found.map(({ similarity }) => similarity));
    return found.map(({ itemIndex: index }, n) => ({ itemIndex: index, weight: weights[n] }));
  }

  /** v̂_ui of each item; null where nothing can be compared. */
  predicted(images: PredictedImages, items: Int32Array): (Float32Array | null)[] {
    return Array.from(items, item => {
      const preference = this.preferenceFor(item);
      return preference && images.of(item, preference);
    });
  }

  /** v̄_u: the mean image of all the user's items less the shop's; null without any. `[E]`. */
  taste(features: Matrix, shopMean: Float32Array): Float32Array | null {
    if (this.history.length === 0) {
      return null;
    }
    const taste = shopMean.map(value => -value);
    this.history.forEach(({ itemIndex }) =>
      addScaled(taste, row(features, itemIndex), 1 / this.history.length),
    );
    return taste;
  }
}
