/** @file What if an item had another image: the default rankers of images, all over `ranked-item.ts`. */
import type { NewRankChange } from "../../db/personalized-images.repository.js";
import { rankChange } from "../../ml/metrics/rank-change.js";
import { assertRanksImages } from "./image-ranking.js";
import type { NewItem } from "./new-items.js";
import type { PictureRanker, WhatIf } from "./picture-ranker.js";
import { type KnownViewer, rankedItem } from "./ranked-item.js";
import type { LoadedRanker } from "./ranker-artefact.js";

/** The one implementation over a ranking model; null when it does not know the item or does not read images. */
export function whatIfOf(
  known: KnownViewer,
  itemId: string,
  newItems: readonly NewItem[],
  embeddings: readonly Float32Array[],
): WhatIf | null {
  const item = rankedItem(known, itemId, newItems);
  const scores = item?.scoresWith(embeddings);
  if (!item || !scores) {
    return null;
  }
  const rankBefore = item.rankAt(item.score);
  return {
    rankingModelVersionId: known.ranker.versionId,
    scoreBefore: item.score,
    rankBefore,
    numRanked: item.numRanked,
    scoreDeviation: standardDeviation(item.scores),
    candidates: scores.map(score => {
      const rank = item.rankAt(score);
      return { score, rank, deltaR: rankChange(rankBefore, rank) };
    }),
  };
}

/** A user as the model was trained on them; null when it was not. */
export function trainedViewer(
  ranker: LoadedRanker,
  userId: string,
  seenItemIds: readonly string[],
): KnownViewer | null {
  const userIndex = ranker.userIndexOf.get(userId);
  const seen = new Set(seenItemIds.flatMap(id => ranker.itemIndexOf.get(id) ?? []));
  return userIndex === undefined ? null : { ranker, viewer: { userIndex }, source: "RANKER", seen };
}

/**
 * Ranks by one version, even if another becomes active. Knows no user's history, so it must be told what they have seen.
 *
 * @throws AppError `INVALID_ARGUMENT` when the model does not read images.
 */
export function snapshotRanker({ ranker }: { ranker: LoadedRanker }): PictureRanker {
  assertRanksImages(ranker);
  return {
    async whatIf({ seenItemIds = [], userId }, itemId, embeddings) {
      const known = trainedViewer(ranker, userId, seenItemIds);
      return known && whatIfOf(known, itemId, [], embeddings);
    },
  };
}

/** The rank change of one candidate, as it is stored; null where it is not. */
export function rankChangeOf(
  { candidates, rankingModelVersionId, ...before }: WhatIf,
  index: number,
): NewRankChange | null {
  const { score, rank, deltaR } = candidates[index];
  const { numRanked, rankBefore, scoreBefore } = before;
  return rankingModelVersionId === null
    ? null
    : {
        rankingModelVersionId,
        rankBefore,
        rankAfter: rank,
        scoreBefore,
        scoreAfter: score,
        numRanked,
        deltaR,
      };
}

function standardDeviation(values: Float32Array): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  return Math.sqrt(variance) || 1; // equal scores are equal in any unit
}
