/**
 * @file The retrieval module: selects a user's past items that relate to the reference item, and derives the preference.
 *
 * "RAGAR: Retrieval Augment Personalized Image Generation Guided by Recommendation", Eq. 1-6.
 */
import { LRUCache } from "lru-cache";
import {
  type ItemWithEmbeddings,
  OPTED_OUT_STAMP,
  type ReferenceStamp,
  type RetrievalStamps,
  type RetrievalState,
  type StampedItem,
  type StateRequest,
} from "../../db/retrieval.repository.js";
import { AppError } from "../../errors/app-error.js";
import { correlate, DEFAULT_K } from "./correlation-unit.js";
import {
  fusionWeights,
  preferenceEmbedding,
  weightEntropy,
  type Weighting,
} from "./fusion-unit.js";
import { keywordsOf } from "./keyword-extraction.js";
import { preferenceKeywords } from "./keywords.js";
import { generatorPrompt } from "./prompt.js";
import { RecentItems } from "./recent-items.js";
import type { RetrievalResult } from "./retrieval-result.js";

/** Retrievals remembered, of a user and an item each; about 10 kB. */
const MAX_RETRIEVALS = 4_000;

/** History items considered, as in the paper. */
export const DEFAULT_HISTORY_LIMIT = 20;

export interface RetrievalOptions {
  /** Items retrieved; default 5. */
  k?: number;
  /** Number of latest distinct items of the user to consider; default 20. */
  historyLimit?: number;
  /** How similarities become weights; default `l1`. */
  weighting?: Weighting;
}

export type HistoryItem = ItemWithEmbeddings & {
  occurredAt: Date;
  /** Weight of the choice in P^ret beside its similarity; > 0. Default: 1. */
  strength?: number;
};

export interface Retrieval extends RetrievalResult {
  /** The items of `historyItemIds` with texts and embeddings, in the order of time. */
  history: readonly HistoryItem[];
  /** History items left out because they are not indexed. */
  numNotIndexed: number;
}

/** A retrieval, and what is stored for the same user and item. */
export interface StampedRetrieval {
  retrieval: Retrieval;
  /** Stamps of the newest images, by the keys of their requests. */
  images: ReadonlyMap<string, string>;
}

interface Dependencies {
  /** Name and version of the encoder of the compared embeddings, `name@version`. */
  encoder: string;
  rows: {
    findStamps(about: StateRequest): Promise<RetrievalStamps>;
    findState(about: StateRequest): Promise<RetrievalState>;
    findItems(encoder: string, itemIds: readonly string[]): Promise<StampedItem[]>;
  };
}

type IndexedItem = HistoryItem & {
  captionEmbedding: Float32Array;
  imageEmbedding: Float32Array;
};

export class RetrievalService {
  private readonly items: RecentItems;
  /** By everything that a retrieval depends on, items by their stamps. */
  private readonly known = new LRUCache<string, Retrieval>({ max: MAX_RETRIEVALS });

  constructor(private readonly deps: Dependencies) {
    const { encoder, rows } = deps;
    this.items = new RecentItems(itemIds => rows.findItems(encoder, itemIds));
  }

  /**
   * What the user's history says about an item. Three statements, whatever the length of the history; one if the result is
   * known and nothing of it has changed. Empty for a user without history, an unknown user, or an item that is not indexed.
   *
   * @throws AppError `ITEM_NOT_FOUND`
   */
  async retrieve(
    userId: string,
    itemId: string,
    options: RetrievalOptions = {},
  ): Promise<Retrieval> {
    const [retrieval] = await this.retrieveMany(userId, [itemId], options);
    if (!retrieval) {
      throw new AppError("ITEM_NOT_FOUND", { itemId });
    }
    return retrieval;
  }

  /** {@link retrieve} for many items, with the statements of one; null for an item that is not in the catalogue. */
  async retrieveMany(
    userId: string,
    itemIds: readonly string[],
    options: RetrievalOptions = {},
  ): Promise<(Retrieval | null)[]> {
    const found = await this.retrieveStamped(userId, itemIds, options);
    return found.map(stamped => stamped?.retrieval ?? null);
  }

  /** {@link retrieveMany} with the stamps of the images that are stored, in the same statements. */
  async retrieveStamped(
    userId: string,
    itemIds: readonly string[],
    options: RetrievalOptions = {},
  ): Promise<(StampedRetrieval | null)[]> {
    const { k = DEFAULT_K, historyLimit = DEFAULT_HISTORY_LIMIT, weighting } = options;
    const keyOf = ({ itemId, stamp, variantStamp }: ReferenceStamp, historyStamp: string) =>
      JSON.stringify([k, historyLimit, weighting, itemId, stamp, variantStamp, historyStamp]);
    // One more, because a reference is left out of its own history.
    const about = { userId, itemIds: [...new Set(itemIds)], limit: historyLimit + 1 };
    const { historyStamp, images, references } = await this.deps.rows.findStamps(about);
    const known = new Map<string, Retrieval>();
    for (const [itemId, reference] of references) {
      const retrieval = this.known.get(keyOf(reference, historyStamp));
      if (retrieval) {
        known.set(itemId, retrieval);
      }
    }
    const found =
      known.size === references.size ? known : await this.retrieveNow(about, options, keyOf);
    return itemIds.map(itemId => {
      const retrieval = found.get(itemId);
      return retrieval ? { retrieval, images: images.get(itemId) ?? new Map() } : null;
    });
  }

  /** Reads what the stamps stand for. By item; those that do not exist are absent. */
  private async retrieveNow(
    about: StateRequest,
    { historyLimit = DEFAULT_HISTORY_LIMIT, ...options }: RetrievalOptions,
    keyOf: (reference: ReferenceStamp, historyStamp: string) => string,
  ): Promise<ReadonlyMap<string, Retrieval>> {
    const state = await this.deps.rows.findState(about);
    const stamps = new Map(
      [...state.history, ...state.references.values()].map(stamp => [stamp.itemId, stamp]),
    );
    const items = await this.items.find([...stamps.values()]);
    const history = state.history.flatMap(({ itemId, occurredAt, strength }): HistoryItem[] => {
      const item = items.get(itemId);
      return item ? [{ ...item, occurredAt, strength }] : []; // deleted since
    });
    const found = new Map<string, Retrieval>();
    for (const [itemId, stamp] of state.references) {
      const reference = items.get(itemId);
      const key = keyOf(stamp, state.historyStamp);
      const before = this.known.get(key);
      if (before) {
        found.set(itemId, before);
      } else if (reference) {
        const others = history.filter(item => item.itemId !== itemId).slice(-historyLimit);
        const { variantStamp } = stamp;
        const result = {
          ...retrieved(reference, withRatios(others), options),
          ...(variantStamp !== null && { variantStamp }),
          ...(state.historyStamp === OPTED_OUT_STAMP && { isOptedOut: true }),
        };
        found.set(itemId, result);
        if (history.length === state.history.length) {
          this.known.set(key, result);
        }
      }
    }
    return found;
  }
}

/** Strengths relative to the strongest, 0..1. */
function withRatios(history: readonly HistoryItem[]): HistoryItem[] {
  const strongest = Math.max(...history.map(({ strength = 1 }) => strength));
  return history.map(item => {
    // Rounded, so that equal ratios give equal numbers whatever the newest interaction is.
    const strength = Number(((item.strength ?? 1) / strongest).toPrecision(6));
    return { ...item, strength };
  });
}

/** What a history, in the order of time, says about an item outside it (Eq. 3-6); with k = 0, only keywords. */
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
  const strengths = correlated.map(({ strength = 1 }) => strength);
  const weights = fusionWeights(similarities, weighting, strengths);
  const ofReference = keywordsOf(reference); // Eq. 6
  const ofHistory = correlated.map(item => ({ ...keywordsOf(item), similarity: item.similarity }));
  const extractors = [ofReference, ...ofHistory].map(({ extractor }) => extractor);
  const preference = preferenceKeywords(ofHistory);
  return {
    sourceBlobHash: reference.blobHash,
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
    keywordExtractor: [...new Set(extractors)].sort().join(", "),
    referenceCaptionEmbedding: reference.captionEmbedding,
    referenceImageEmbedding: reference.imageEmbedding,
    referenceKeywords: ofReference.keywords,
    preferenceKeywords: preference,
    prompt: generatorPrompt(ofReference.keywords, preference, reference.title),
    referencePrompt: generatorPrompt(ofReference.keywords, [], reference.title),
  };
}
