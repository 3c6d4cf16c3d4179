/** @file P^rk (`top-feature.ts`) of a pair, by the shop as its ranking model was trained on it. */
import { topK } from "../../ml/nn/top-k.js";
import { meanFeature, NUM_TOP_ITEMS } from "../ranking/top-feature.js";
import type { ShopSnapshot } from "./shop-snapshot.js";

/** Without the reference; null where no item has a feature. `[E]` */
export function rankerPreference(
  { items, ranker }: Pick<ShopSnapshot, "items" | "ranker">,
  { itemIndex, userIndex }: { itemIndex: number; userIndex: number },
): Float32Array | null {
  const scores = ranker.model.score(userIndex).slice();
  scores[itemIndex] = -Infinity;
  ranker.itemIds.forEach((itemId, index) => {
    if (!items.get(itemId)?.imageEmbedding) {
      scores[index] = -Infinity;
    }
  });
  const best = topK(scores, NUM_TOP_ITEMS).filter(index => scores[index] > -Infinity);
  return meanFeature(best.map(index => items.get(ranker.itemIds[index])!.imageEmbedding!));
}
