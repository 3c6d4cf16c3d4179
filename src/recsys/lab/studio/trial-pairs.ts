/** @file Which shoppers are shown which products in a trial, and the history of "everybody". */
import { Random, seedFrom } from "../../../ml/nn/random.js";
import type { RetrievedItem } from "../../retrieval/retrieval-result.js";
import type { TrialPair } from "./photo-trial.js";

interface Like {
  userId: string;
  itemId: string;
}

/** Choices that stand for everybody's. */
const POPULATION_SIZE = 60;

/**
 * A shopper for each product: of those who have not chosen it, the one who waits longest for a product. Products that everybody
 * has chosen are left out.
 */
export function trialPairs(
  products: readonly { id: string; shop: string }[],
  likes: readonly Like[],
): TrialPair[] {
  const chosen = new Map<string, Set<string>>();
  for (const { itemId, userId } of likes) {
    chosen.set(userId, (chosen.get(userId) ?? new Set()).add(itemId));
  }
  const waiting = new Random(seedFrom("trial pairs")).shuffled([...chosen.keys()].sort());
  return products.flatMap(({ id: itemId, shop }): TrialPair[] => {
    const place = waiting.findIndex(userId => !chosen.get(userId)!.has(itemId)); // a key of it
    if (place < 0) {
      return [];
    }
    const [userId] = waiting.splice(place, 1);
    waiting.push(userId);
    return [{ userId, itemId, shop }];
  });
}

/** One of each shop in turn, so that a part of a trial speaks of all. */
export function inTurns<Product extends { shop: string }>(products: readonly Product[]): Product[] {
  const counts = new Map<string, number>();
  const turns = products.map(product => {
    const turn = counts.get(product.shop) ?? 0;
    counts.set(product.shop, turn + 1);
    return { product, turn };
  });
  return turns.sort((a, b) => a.turn - b.turn).map(({ product }) => product);
}

/** The history of everybody: choices drawn at random from all shoppers', with equal weights. */
export function populationHistory(likes: readonly Like[]): RetrievedItem[] {
  const drawn = new Random(seedFrom("population")).shuffled(likes).slice(0, POPULATION_SIZE);
  const counts = new Map<string, number>();
  for (const { itemId } of drawn) {
    counts.set(itemId, (counts.get(itemId) ?? 0) + 1);
  }
  return [...counts].map(([itemId, count]) => ({
    itemId,
    similarity: 0,
    weight: count / drawn.length,
  }));
}
