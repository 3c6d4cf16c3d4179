/**
 * @file The door for rankers of images: how a user's rank of an item changes with another image (RAGAR, Eq. 13). A host may
 * replace it.
 *
 * Defaults: `RecommendationService`, by the user's history as it is now; and `snapshotRanker` (`what-if.ts`), by a shop as it was when
 * its ranking model was trained, for training, experiments and re-ranking.
 *
 * Shapes: E width of CLIP's embeddings.
 */
/** Whose ranking it is. */
export interface ImageViewer {
  userId: string;
  /**
   * The items that do not compete. Default: all that the user has interacted with. Where they are given, the user is ranked as
   * the model was trained on them.
   */
  seenItemIds?: readonly string[];
}

/** What the ranking says of an item's candidates. */
export interface WhatIf {
  /** The shop's version of a ranking model; null for a ranker that is none, whose rank changes are not stored. */
  rankingModelVersionId: string | null;
  /** With the catalogue image. */
  scoreBefore: number;
  /** 1 is best, ties by mid-rank. */
  rankBefore: number;
  /** Items ranked, the item itself among them. */
  numRanked: number;
  /** Standard deviation of the user's scores over all items: in its units, a margin means the same for every user. */
  scoreDeviation: number;
  /** With each image; `deltaR = (rankBefore - rank) / (1 + rankBefore)`. */
  candidates: readonly { score: number; rank: number; deltaR: number }[];
}

/** An item with images in place of its own. */
export interface WhatIfRequest {
  itemId: string;
  /** As of {@link PictureRanker.whatIf}. */
  embeddings: readonly Float32Array[];
}

export interface PictureRanker {
  /**
   * Score and rank of an item with each of the images in place of its own.
   *
   * @param embeddings CLIP image embeddings of the images, `[E]` each, of unit length; may be none.
   * @returns null when the ranker does not read images, or knows nothing of the user or the item.
   */
  whatIf(
    viewer: ImageViewer,
    itemId: string,
    embeddings: readonly Float32Array[],
  ): Promise<WhatIf | null>;

  /** {@link whatIf} for several items of one user, in their order, in as many statements as for one. Default: one by one. */
  whatIfMany?(viewer: ImageViewer, requests: readonly WhatIfRequest[]): Promise<(WhatIf | null)[]>;
}
