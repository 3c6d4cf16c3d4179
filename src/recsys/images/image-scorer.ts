/**
 * @file RM(S_u, v) of a pair (Eq. 13): score and rank of an item with another picture, for a user as the ranking model was
 * trained on them. Train items are masked, ties go by mid-rank (METHOD.md section 6).
 */
import { AppError } from "../../errors/app-error.js";
import { rankChange } from "../../ml/metrics/rank-change.js";
import { midRank } from "../../ml/metrics/ranking-metrics.js";
import { canWhatIf, type WhatIfRecommender } from "../../ml/ranking/recommender.js";
import { IMAGE_MODALITY } from "../ranking/ranked-item.js";
import type { Pair } from "../reflection/pairs.js";
import type { ShopSnapshot } from "../reflection/shop-snapshot.js";

export interface ScoredImage {
  /** ρ. */
  score: number;
  rank: number;
  deltaR: number;
}

export interface ScoredPair {
  /** With the catalogue picture. */
  reference: { score: number; rank: number };
  /** With each picture. */
  images: ScoredImage[];
  /** Standard deviation of the user's scores over all items: in its units, a margin means the same for every user. */
  scale: number;
}

export class ImageScorer {
  private readonly model: WhatIfRecommender;

  /** @throws AppError `INVALID_ARGUMENT` when the ranking model does not look at pictures. */
  constructor(private readonly shop: Pick<ShopSnapshot, "ranker" | "split">) {
    const { model } = shop.ranker;
    if (!canWhatIf(model, IMAGE_MODALITY)) {
      const problem = `must read images, as MICRO and FREEDOM do, but is ${model.algorithm}`;
      throw new AppError("INVALID_ARGUMENT", { argument: "the active ranking model", problem });
    }
    this.model = model;
  }

  /** @param embeddings CLIP image embeddings of the pictures, `[E]` each. */
  score(
    { itemIndex, userIndex }: Pick<Pair, "itemIndex" | "userIndex">,
    embeddings: readonly Float32Array[],
  ): ScoredPair {
    const scores = this.model.score(userIndex);
    const train = new Set(this.shop.split.train[userIndex]);
    const isMasked = (index: number) => index === itemIndex || train.has(index);
    const own = scores[itemIndex];
    const rank = midRank(own, scores, isMasked);
    const target = { itemIndex, modality: IMAGE_MODALITY };
    const changed =
      embeddings.length === 0 ? [] : this.model.whatIf({ userIndex }, target, embeddings);
    return {
      reference: { score: own, rank },
      images: changed.map(score => {
        const rankAfter = midRank(score, scores, isMasked);
        return { score, rank: rankAfter, deltaR: rankChange(rank, rankAfter) };
      }),
      scale: standardDeviation(scores),
    };
  }
}

function standardDeviation(values: Float32Array): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  return Math.sqrt(variance) || 1; // equal scores are equal in any unit
}
