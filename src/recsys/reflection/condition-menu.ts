/**
 * @file The conditions that are tried for a pair: P^ret, and other preferences that can be read off a user's train items and the
 * ranking model without drawing anything. Each is a CLIP image embedding of unit length, so the generator knows its kind.
 *
 * A mean over many items says what they share and blurs the rest; a few near the reference are clear, and may miss the taste. Which
 * of them serves whom is what the reward teaches.
 *
 * Shapes: E width of CLIP's features.
 */
import { addScaled, dot } from "../../ml/nn/matrix.js";
import { hasFeatureGradient } from "../../ml/ranking/recommender.js";
import { IMAGE_MODALITY } from "../ranking/ranked-item.js";
import { meanFeature, NUM_TOP_ITEMS } from "../ranking/top-feature.js";
import type { Pair } from "./pairs.js";
import type { ShopItem, ShopSnapshot } from "./shop-snapshot.js";

export interface MenuCondition {
  name: string;
  /** `[E]`. */
  embedding: Float32Array;
}

/** The name of P^rk, the preference of the ranking model itself, in the menu. */
export const TOP = "top";

interface Known {
  item: ShopItem & { imageEmbedding: Float32Array };
  score: number;
  /** Cosine of its caption and the reference's. */
  likeness: number;
}

/** Items near the reference by their captions, of which the ranking model chooses. */
const [FEW_NEAR, MANY_NEAR] = [100, 300];

/**
 * A pair's conditions; the first is P^ret. The same names in the same order for all pairs of a shop. Where the ranking model's score
 * has a gradient at an image's feature, some of them go along it.
 *
 * @param about.retrieved P^ret of the pair, of any length but 0.
 */
export function conditionMenu(
  shop: ShopSnapshot,
  pair: Pair,
  { historyLimit, retrieved }: { historyLimit: number; retrieved: Float32Array },
): MenuCondition[] {
  const known = knownItems(shop, pair);
  const best = sorted(known, ({ score }) => score);
  const nearest = sorted(known, ({ likeness }) => likeness);
  const near = (count: number) => sorted(nearest.slice(0, count), ({ score }) => score);
  const recent = new Set(pair.historyItemIds.slice(-historyLimit));
  const mean = (list: readonly Known[]) =>
    meanFeature(list.map(({ item }) => item.imageEmbedding)) ?? unit(retrieved);
  const centre = mean(known);
  /** Twice as far from the mean of the shop: what is the user's own stands out. */
  const clearer = (embedding: Float32Array) => sum([embedding, 2], [centre, -1]);
  const plain = unit(retrieved);
  const history = mean(known.filter(({ item }) => recent.has(item.itemId)));
  const top = mean(best.slice(0, NUM_TOP_ITEMS));
  const reference = unit(shop.items.get(pair.itemId)!.imageEmbedding!); // a pair has one
  const menu: Record<string, Float32Array> = {
    retrieved: plain,
    history: history,
    "history, clearer": clearer(history),
    [TOP]: top,
    "top, clearer": clearer(top),
    "retrieved and top": sum([plain, 1], [top, 1]),
    reference: reference,
    "reference and top": sum([reference, 1], [top, 1]),
    "near, best 3": mean(near(FEW_NEAR).slice(0, 3)),
    "near, best 5": mean(near(MANY_NEAR).slice(0, 5)),
    ...alongGradient(shop, pair, { centre, plain, reference, top }),
  };
  return Object.entries(menu).map(([name, embedding]) => ({ name, embedding }));
}

/** How far along the gradient a feature of unit length is moved. */
const [SHORT_STEP, LONG_STEP] = [0.4, 0.8];

function alongGradient(
  { ranker: { model } }: ShopSnapshot,
  { userIndex }: Pair,
  { centre, plain, reference, top }: Record<"centre" | "plain" | "reference" | "top", Float32Array>,
): Record<string, Float32Array> {
  if (!hasFeatureGradient(model, IMAGE_MODALITY)) {
    return {};
  }
  const gradient = unit(model.featureGradient({ userIndex }, IMAGE_MODALITY));
  return {
    "retrieved, up": sum([plain, 1], [gradient, SHORT_STEP]),
    "retrieved, far up": sum([plain, 1], [gradient, LONG_STEP]),
    "top, up": sum([top, 1], [gradient, SHORT_STEP]),
    "top, far up": sum([top, 1], [gradient, LONG_STEP]),
    "reference, up": sum([reference, 1], [gradient, SHORT_STEP]),
    "mean, far up": sum([centre, 1], [gradient, LONG_STEP]),
  };
}

function knownItems({ items, ranker }: ShopSnapshot, { itemId, itemIndex, userIndex }: Pair) {
  const reference = items.get(itemId)!.captionEmbedding!; // a pair has one
  const scores = ranker.model.score(userIndex);
  return ranker.itemIds.flatMap((id, index): Known[] => {
    const item = items.get(id);
    return index !== itemIndex && item?.imageEmbedding && item.captionEmbedding
      ? [
          {
            item: { ...item, imageEmbedding: item.imageEmbedding },
            score: scores[index],
            likeness: dot(item.captionEmbedding, reference),
          },
        ]
      : [];
  });
}

/** Highest first. */
function sorted(list: readonly Known[], of: (known: Known) => number): Known[] {
  return [...list].sort((a, b) => of(b) - of(a));
}

/** A weighted sum, of unit length. */
function sum(...parts: readonly (readonly [Float32Array, number])[]): Float32Array {
  const total = new Float32Array(parts[0][0].length);
  for (const [values, weight] of parts) {
    addScaled(total, values, weight);
  }
  return unit(total);
}

function unit(values: Float32Array): Float32Array {
  const length = Math.hypot(...values);
  return length > 0 ? values.map(value => value / length) : values;
}
