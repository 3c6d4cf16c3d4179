/** @file Which items an experiment's contact sheet shows to which users. */
import { AppError } from "../../../errors/app-error.js";
import { type Pair, pairOf, trainTimeline } from "../../reflection/pairs.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import type { ImageExperiment } from "./experiment-config.js";

interface Scene {
  experiment: Pick<ImageExperiment, "shownItems">;
  shop: ShopSnapshot;
  /** The experiment's test pairs. */
  pairs: readonly Pair[];
}

/**
 * The first users of an experiment, each with the same items. Unless the experiment names the items, they are references that the
 * fewest of these users have: a user's own references are mostly in the style that the user likes already.
 *
 * @throws AppError `ITEM_NOT_FOUND`; `INVALID_ARGUMENT` for an item without what a reference needs.
 */
export function sheetPairs(
  scene: Scene,
  { numObjects, numUsers }: { numObjects: number; numUsers: number },
): Pair[][] {
  const { shop } = scene;
  const shown = scene.pairs.slice(0, numUsers);
  const objects = namedItems(scene) ?? leastKnown(scene, shown).slice(0, numObjects);
  return shown.map(({ userIndex }) =>
    objects.map(item => {
      const pair = pairOf(shop, userIndex, item, trainTimeline(shop, userIndex));
      if (!pair) {
        const problem = `must be indexed and have a picture, but '${shop.ranker.itemIds[item]}' is not`;
        throw new AppError("INVALID_ARGUMENT", { argument: "shownItems", problem });
      }
      return pair;
    }),
  );
}

/** The items that the experiment names; null where it names none. @throws AppError `ITEM_NOT_FOUND` */
function namedItems({ experiment, shop }: Scene): number[] | null {
  const named = experiment.shownItems?.map(itemId => {
    const index = shop.ranker.itemIds.indexOf(itemId);
    if (index < 0) {
      throw new AppError("ITEM_NOT_FOUND", { itemId });
    }
    return index;
  });
  return named ?? null;
}

/** References of the experiment, those that the fewest of some pairs' users have first. */
function leastKnown({ pairs, shop }: Scene, shown: readonly Pair[]): number[] {
  const known = shown.map(({ userIndex }) => new Set(shop.timelines[userIndex]));
  const owners = (item: number) => known.filter(items => items.has(item)).length;
  const items = [...new Set(pairs.map(({ itemIndex }) => itemIndex))];
  return items.sort((a, b) => owners(a) - owners(b));
}
