/**
 * @file Which images are made of which items for which users, and the item features made of them (the paper's Table 4,
 * `docs/paper-map.md`).
 *
 * The leak-free plan reads the train part alone: permuting the test items does not change it.
 */
import { addScaled, matrix, type Matrix, row } from "../../../ml/nn/matrix.js";
import { Random, seedFrom } from "../../../ml/nn/random.js";
import { type Pair, pairOf, trainTimeline } from "../../reflection/pairs.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import type { RerankConfig } from "./rerank-config.js";

type PlanConfig = Pick<
  RerankConfig,
  "protocol" | "numUsers" | "numItems" | "imagesPerItem" | "seed"
>;

/** The pairs to draw, by item. An item that none of the chosen users has in the part keeps its own image. */
export function plannedImages(shop: ShopSnapshot, config: PlanConfig): Map<number, Pair[]> {
  const { numItems, numUsers, imagesPerItem, protocol, seed } = config;
  const part = protocol === "paper" ? shop.split.test : shop.split.train;
  const timelines = new Map(
    longestHistories(shop, numUsers).map(user => [user, trainTimeline(shop, user)]),
  );
  const usersOf = new Map<number, number[]>();
  for (const user of timelines.keys()) {
    for (const item of part[user]) {
      usersOf.set(item, [...(usersOf.get(item) ?? []), user]);
    }
  }
  const planned = new Map<number, Pair[]>();
  for (const item of mostChosen(shop, numItems)) {
    const random = new Random(seedFrom("pictures of item", seed, shop.ranker.itemIds[item]));
    const pairs = random.shuffled(usersOf.get(item) ?? []).flatMap(user => {
      const history = timelines.get(user)!.filter(other => other !== item);
      return pairOf(shop, user, item, history) ?? [];
    });
    if (pairs.length > 0) {
      planned.set(item, pairs.slice(0, protocol === "paper" ? 1 : imagesPerItem));
    }
  }
  return planned;
}

/**
 * Visual features `[N, E]` with those of the drawn items replaced: by the mean of the own one and the pictures', of the own
 * one's length, or (`paper`) by the picture's.
 */
export function imageFeatures(
  features: Matrix,
  embeddings: ReadonlyMap<number, readonly Float32Array[]>,
  protocol: RerankConfig["protocol"],
): Matrix {
  const result = matrix(features.shape, features.values.slice());
  for (const [item, images] of embeddings) {
    const own = row(result, item);
    const length = norm(own);
    if (protocol === "paper") {
      own.set(images[0]);
    } else {
      images.forEach(image => addScaled(own, image, 1));
    }
    const scale = length / (norm(own) || 1);
    own.forEach((value, d) => (own[d] = value * scale));
  }
  return result;
}

function longestHistories({ split, userIds }: ShopSnapshot, numUsers: number | null): number[] {
  const users = [...userIds.keys()];
  users.sort((a, b) => split.train[b].length - split.train[a].length || a - b);
  return users.slice(0, numUsers ?? users.length).sort((a, b) => a - b);
}

/** By how many users have it in the train part. */
function mostChosen({ ranker, split }: ShopSnapshot, numItems: number | null): number[] {
  const counts = new Int32Array(ranker.itemIds.length);
  split.train.forEach(items => items.forEach(item => counts[item]++));
  const items = [...counts.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  return items.slice(0, numItems ?? items.length);
}

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
}
