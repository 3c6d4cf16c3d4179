/**
 * @file The retrieval module: which of a user's past items speak for the reference item, and the preference they show.
 *
 * "RAGAR: Retrieval Augment Personalized Image Generation Guided by Recommendation", Eq. 1-6.
 */
import type { ItemWithEmbeddings } from "../../db/embeddings.repository.js";
import { AppError } from "../../errors/app-error.js";
import type { RetrievalResult } from "../generation/generation-plan.js";
import { correlate, DEFAULT_K } from "./correlation-unit.js";
import {
  fusionWeights,
  preferenceEmbedding,
  weightEntropy,
  type Weighting,
} from "./fusion-unit.js";
import { itemKeywords, KEYWORD_EXTRACTOR, preferenceKeywords } from "./keywords.js";
import { generatorPrompt } from "./prompt.js";

/** Items of the history looked at, as in the paper. */
export const DEFAULT_HISTORY_LIMIT = 20;

export interface RetrievalOptions {
  /** Items retrieved; default 5. */
  k?: number;
  /** Latest distinct items of the user that are looked at; default 20. */
  historyLimit?: number;
  /** How similarities become weights; default `l1`. */
  weighting?: Weighting;
}

export type HistoryItem = ItemWithEmbeddings & { occurredAt: Date };

export interface Retrieval extends RetrievalResult {
  /** The items of `historyItemIds` with their texts and embeddings, in time order. */
  history: readonly HistoryItem[];
  /** Items of the history left out of the retrieval because they are not indexed. */
  numNotIndexed: number;
}

interface Dependencies {
  /** Name and version of the encoder whose embeddings are compared, `name@version`. */
  encoder: string;
  embeddings: {
    findItem(encoder: string, itemId: string): Promise<ItemWithEmbeddings | null>;
    findHistory(
      encoder: string,
      about: { userId: string; exceptItemId: string; limit: number },
    ): Promise<HistoryItem[]>;
  };
}

type IndexedItem = HistoryItem & {
  captionEmbedding: Float32Array;
  imageEmbedding: Float32Array;
};

export class RetrievalService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * What the user's history says about an item. Two statements, whatever the length of the history. Nothing is retrieved
   * for a user without history, or an item that is not indexed.
   *
   * @throws AppError `ITEM_NOT_FOUND`
   */
  async retrieve(
    userId: string,
    itemId: string,
    options: RetrievalOptions = {},
  ): Promise<Retrieval> {
    const { k = DEFAULT_K, historyLimit = DEFAULT_HISTORY_LIMIT, weighting } = options;
    const { encoder, embeddings } = this.deps;
    const [reference, history] = await Promise.all([
      embeddings.findItem(encoder, itemId),
      embeddings.findHistory(encoder, { userId, exceptItemId: itemId, limit: historyLimit }),
    ]);
    if (!reference) {
      throw new AppError("ITEM_NOT_FOUND", { itemId });
    }
    return retrieved(reference, history, { k, weighting });
  }
}

/** What a history, in the order of time, says about an item that is not in it (Eq. 3-6): with k = 0, nothing but keywords. */
export function retrieved(
  reference: ItemWithEmbeddings,
  history: readonly HistoryItem[],
  { k = DEFAULT_K, weighting }: Pick<RetrievalOptions, "k" | "weighting"> = {},
): Retrieval {
  const indexed = history.filter(
    (item): item is IndexedItem => item.captionEmbedding !== null && item.imageEmbedding !== null,
  );
  const correlated = reference.captionEmbedding
    ? correlate(indexed, reference.captionEmbedding, k) // Eq. 3
    : [];
  const similarities = correlated.map(({ similarity }) => similarity);
  const weights = fusionWeights(similarities, weighting);
  const referenceKeywords = itemKeywords(reference);
  const preference = preferenceKeywords(
    correlated.map(item => ({ keywords: itemKeywords(item), similarity: item.similarity })),
  ); // Eq. 6
  return {
    history,
    historyItemIds: history.map(item => item.itemId),
    numNotIndexed: history.length - indexed.length,
    retrieved: correlated.map((item, n) => ({
      itemId: item.itemId,
      similarity: item.similarity,
      weight: weights[n],
    })),
    preferenceEmbedding:
      correlated.length > 0
        ? preferenceEmbedding(
            correlated.map(item => item.imageEmbedding),
            weights,
          ) // Eq. 5
        : null,
    weightEntropy: weightEntropy(weights),
    keywordExtractor: KEYWORD_EXTRACTOR,
    referenceCaptionEmbedding: reference.captionEmbedding,
    referenceImageEmbedding: reference.imageEmbedding,
    referenceKeywords,
    preferenceKeywords: preference,
    prompt: generatorPrompt(referenceKeywords, preference, reference.title),
  };
}
