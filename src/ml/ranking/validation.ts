/** @file Validation during training, for early stopping and the choice of epoch. */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { recallAt } from "../metrics/ranking-metrics.js";
import { topK } from "../nn/top-k.js";
import type { RankingData } from "./recommender.js";
import { includesSorted } from "./training-batches.js";

/** The cut-off of the recall. */
const K = 20;
/** Keeps a server responsive while it trains. */
const YIELD_AFTER_MS = 20;

/**
 * Mean Recall@20 over the users with validation items: ranks all items but those of `train`. Null without such users.
 *
 * @param score Scores of all items for a user.
 */
export async function validationRecall(
  { train, validation = [] }: RankingData,
  score: (userIndex: number) => Float32Array,
): Promise<number | null> {
  let sum = 0;
  let numUsers = 0;
  let yieldedAtMs = performance.now();
  for (const [user, relevant] of validation.entries()) {
    if (performance.now() - yieldedAtMs > YIELD_AFTER_MS) {
      await yieldToEventLoop();
      yieldedAtMs = performance.now();
    }
    if (relevant.length > 0) {
      const ranking = topK(score(user), K, item => includesSorted(train[user], item));
      sum += recallAt(ranking, new Set(relevant), K);
      numUsers++;
    }
  }
  return numUsers === 0 ? null : sum / numUsers;
}
