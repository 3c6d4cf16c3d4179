/**
 * @file Personal images in a batch: some triples show both of their items by an image made for the triple's user.
 *
 * Never one item alone: an image made for the user would then tell which item was chosen.
 *
 * Shapes: N items, V views, F length of a raw feature.
 */
import { type Matrix, matrix, row } from "../nn/matrix.js";
import type { Random } from "../nn/random.js";
import type { Triples } from "./bpr-loss.js";
import type { RankingData } from "./recommender.js";

export interface BatchViews {
  /** The item of each view `[V]`. */
  items: Int32Array;
  /** Raw `[V, F]`. */
  features: Matrix;
  /** The batch's triples, with N + v for an item that view v stands for. */
  triples: Triples;
}

/** Null where no triple has views. */
export function batchViews(
  triples: Triples,
  { numItems, views }: Pick<RankingData, "numItems" | "views">,
  random: Random,
): BatchViews | null {
  if (!views) {
    return null;
  }
  const items: number[] = [];
  const features: Float32Array[] = [];
  const shown = {
    users: triples.users,
    positives: triples.positives.slice(),
    negatives: triples.negatives.slice(),
  };
  for (const [place, user] of triples.users.entries()) {
    if (random.uniform() < views.share) {
      const pair = [triples.positives[place], triples.negatives[place]];
      const [chosen, other] = pair.map(item => views.of(user, item));
      if (chosen && other) {
        shown.positives[place] = numItems + items.length;
        shown.negatives[place] = numItems + items.length + 1;
        items.push(...pair);
        features.push(chosen, other);
      }
    }
  }
  return items.length === 0
    ? null
    : { items: Int32Array.from(items), features: stacked(features), triples: shown };
}

function stacked(features: readonly Float32Array[]): Matrix {
  const result = matrix([features.length, features[0].length]);
  features.forEach((feature, v) => row(result, v).set(feature));
  return result;
}
