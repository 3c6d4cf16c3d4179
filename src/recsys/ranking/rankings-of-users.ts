/** @file The recommendations of many users, one after the other: what each would be shown now. */
import type { RankingRow } from "../../db/ranking-files.js";
import type { RecommendationService, RecommendOptions } from "./recommendation.service.js";

export interface UsersRequest {
  userIds: AsyncIterable<string> | Iterable<string>;
  /** Items of each user. */
  k: number;
  options?: RecommendOptions;
  signal?: AbortSignal;
}

/** The rows of one user at a time, best first. A user without any recommendation has none. */
export async function* rankingsOfUsers(
  service: Pick<RecommendationService, "recommend">,
  { k, options, signal, userIds }: UsersRequest,
): AsyncGenerator<RankingRow[]> {
  for await (const userId of userIds) {
    signal?.throwIfAborted();
    const { items, source } = await service.recommend(userId, k, options);
    yield items.map(({ itemId, rank, score }) => ({ userId, itemId, rank, score, source }));
  }
}
