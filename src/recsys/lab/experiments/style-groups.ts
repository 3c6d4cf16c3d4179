/** @file Whether references are in the style that their user likes most, in a shop whose item ids begin with the style and a colon. */
import { type Pair, trainItemIds } from "../../reflection/pairs.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";

/** The group of each pair, by the user's train items alone. */
export function styleGroups(shop: ShopSnapshot, pairs: readonly Pair[]): string[] {
  return pairs.map(pair =>
    favouriteStyle(trainItemIds(shop, pair)) === styleOf(pair.itemId)
      ? "favourite style"
      : "other styles",
  );
}

const styleOf = (itemId: string) => itemId.split(":")[0];

/** The style of most of the items; of equal ones the first by name. */
function favouriteStyle(itemIds: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const style of itemIds.map(styleOf).sort()) {
    counts.set(style, (counts.get(style) ?? 0) + 1);
  }
  return [...counts].reduce((best, own) => (own[1] > best[1] ? own : best))[0];
}
