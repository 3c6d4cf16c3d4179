/** @file What the retrieval module says of a user and a reference item. */

/** A history item that was retrieved for the reference (Eq. 3), with its normalised weight s' (Eq. 5). */
export interface RetrievedItem {
  itemId: string;
  /** Cosine of the captions' embeddings, -1..1. */
  similarity: number;
  /** Share in P^ret, 0..1; the shares add up to 1. */
  weight: number;
}

/** What the retrieval module says of a (user, reference item) pair. */
export interface RetrievalResult {
  /** Whether the user opted out of personalisation: the history is empty then. Default: false. */
  isOptedOut?: boolean;
  /** Content hash of the reference's catalogue picture; null if it has none. */
  sourceBlobHash: string | null;
  /** Equal stamps mean equal variants of the reference, with equal embeddings; null or absent if it has none. */
  variantStamp?: string | null;
  /** The latest distinct items of the user, without the reference, in time order. */
  historyItemIds: readonly string[];
  /** Top k of the history by similarity to the reference. */
  retrieved: readonly RetrievedItem[];
  /** P^ret (Eq. 5); null when no history item is indexed. */
  preferenceEmbedding: Float32Array | null;
  /** Entropy of the weights, in nats. */
  weightEntropy: number;
  /** The reference's caption embedding (E^sem_N), null when it is not indexed. */
  referenceCaptionEmbedding: Float32Array | null;
  /** The reference's picture embedding, null when it is not indexed. */
  referenceImageEmbedding: Float32Array | null;
  /** What made the keywords: the language model of the pack, the deterministic extractor, or both for different items. */
  keywordExtractor: string;
  referenceKeywords: readonly string[];
  /** w', the preference keywords of the retrieved items. */
  preferenceKeywords: readonly string[];
  /** The text the generator's text encoder reads: reference and preference keywords. */
  prompt: string;
  /** The same without the preference keywords. */
  referencePrompt: string;
}
