/**
 * @file The correlation unit: selects the history items most similar to the reference item.
 *
 * "RAGAR: Retrieval Augment Personalized Image Generation Guided by Recommendation", Eq. 1-3. `indexing.service.ts`
 * computes captions (Eq. 1) and embeddings (Eq. 2) beforehand.
 *
 * Notation (name here -> symbol in the paper)
 * - captionEmbedding   -> E^sem_i
 * - referenceEmbedding -> E^sem_N
 * - similarity         -> s_i
 *
 * The paper does not define ties: here the later item wins, then the smaller id. The history has at most tens of items,
 * so this is exact; the approximate index serves the whole catalogue.
 */
import { cosine } from "../../ml/nn/cosine.js";

/** A history item. */
export interface HistoryCandidate {
  itemId: string;
  occurredAt: Date;
  /** E^sem_i, not zero; `[D]`. */
  captionEmbedding: Float32Array;
}

export type Correlated<Candidate> = Candidate & {
  /** s_i, the cosine with the reference, -1..1. */
  similarity: number;
};

/** Default number of retrieved items, the best of the paper's Fig. 4. */
export const DEFAULT_K = 5;

/** The `k` history items most similar to the reference, best first (Eq. 3); all if there are fewer. */
export function correlate<Candidate extends HistoryCandidate>(
  history: readonly Candidate[],
  referenceEmbedding: Float32Array,
  k = DEFAULT_K,
): Correlated<Candidate>[] {
  return history
    .map(item => ({ ...item, similarity: cosine(item.captionEmbedding, referenceEmbedding) }))
    .sort(
      (a, b) =>
        b.similarity - a.similarity ||
        b.occurredAt.getTime() - a.occurredAt.getTime() ||
        (a.itemId < b.itemId ? -1 : 1),
    )
    .slice(0, Math.max(k, 0));
}
