/** @file How a model in training is judged, to know when to stop and which epoch to keep. */
import { recallAt } from "../metrics/ranking-metrics.js";
import { topK } from "../nn/top-k.js";
import type { RankingData } from "./recommender.js";
import { includesSorted } from "./training-batches.js";

/** The cut-off of the recall that decides. */
const K = 20;

/**
 * Mean Recall@20 over the users with validation items: all items ranked, those of `train` left out. Null without any.
 *
 * @param score Scores of all items for a user.
 */
export function validationRecall(
  { train, validation = [] }: RankingData,
  score: (userIndex: number) => Float32Array,
): number | null {
  let sum = 0;
  let numUsers = 0;
  validation.forEach((relevant, user) => {
    if (relevant.length > 0) {
      const ranking = topK(score(user), K, item => includesSorted(train[user], item));
      sum += recallAt(ranking, new Set(relevant), K);
      numUsers++;
    }
  });
  return numUsers === 0 ? null : sum / numUsers;
}
