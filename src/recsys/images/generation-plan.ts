/**
 * @file What a personalised picture depends on, gathered before it is made.
 *
 * The plan is also its identity: two requests with the same key are one generation, and a new interaction, another
 * catalogue picture, another model or another prompt gives another key, so a stored picture is never stale.
 */
import { createHash } from "node:crypto";
import { AppError } from "../../errors/app-error.js";
import { KEYWORD_EXTRACTOR } from "../retrieval/keywords.js";
import type { GenerationOptions } from "./generation-options.js";

/** Why a shopper is shown the catalogue picture. */
export type OriginalReason =
  | "NO_HISTORY"
  | "NO_IMAGE"
  | "HISTORY_NOT_INDEXED"
  | "ITEM_NOT_INDEXED"
  | "BELOW_QUALITY_FLOOR"
  | "RANKED_LOWER"
  | "GENERATION_FAILED"
  | "CANCELLED"
  | "BUSY";

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
  /** Content hash of the reference's catalogue picture; null if it has none. */
  sourceBlobHash: string | null;
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
  /** The text the generator's text encoder reads. */
  prompt: string;
}

export interface GenerationPlan {
  userId: string;
  itemId: string;
  /** Content hash of the catalogue picture. */
  sourceBlobHash: string;
  retrieval: RetrievalResult & {
    preferenceEmbedding: Float32Array;
    referenceCaptionEmbedding: Float32Array;
    referenceImageEmbedding: Float32Array;
  };
  options: GenerationOptions;
  rankingModelVersionId: string | null;
  /** The active personalizer; null when the generator gets the plain condition. */
  personalizerVersionId: string | null;
  /** SHA-256 over everything above and the versions of generator and prompt. */
  requestKey: string;
}

export interface PlanDependencies {
  retrieval: {
    /** In the order of `itemIds`; null for an item that is not there. */
    retrieveMany(userId: string, itemIds: readonly string[]): Promise<(RetrievalResult | null)[]>;
  };
  rankers: { activeVersionId(): Promise<string | null> };
  personalizers: { activeVersionId(): Promise<string | null> };
  /** Name and version of the model pack, and of the prompt. */
  generator: string;
  promptVersion: string;
  /** Name of the moderation strategy; empty for none. */
  moderation: string;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Gathers what a picture depends on, or says why there is none to make. */
export class GenerationPlanner {
  constructor(private readonly deps: PlanDependencies) {}

  /** @throws AppError `ITEM_NOT_FOUND` */
  async plan(
    userId: string,
    itemId: string,
    options: GenerationOptions,
  ): Promise<GenerationPlan | OriginalReason> {
    const [plan] = await this.planMany(userId, [itemId], options);
    if (plan === null) {
      throw new AppError("ITEM_NOT_FOUND", { itemId });
    }
    return plan;
  }

  /** {@link plan} for many items, in as many statements as for one; null for an item that is not there. */
  async planMany(
    userId: string,
    itemIds: readonly string[],
    options: GenerationOptions,
  ): Promise<(GenerationPlan | OriginalReason | null)[]> {
    const { retrieval, rankers, personalizers } = this.deps;
    const [results, rankingModelVersionId, personalizerVersionId] = await Promise.all([
      retrieval.retrieveMany(userId, itemIds),
      rankers.activeVersionId(),
      personalizers.activeVersionId(),
    ]);
    return results.map((result, place) => {
      const about = { userId, itemId: itemIds[place], options };
      return (
        result && this.planOf(result, { ...about, rankingModelVersionId, personalizerVersionId })
      );
    });
  }

  private planOf(
    result: RetrievalResult,
    about: Pick<
      GenerationPlan,
      "userId" | "itemId" | "options" | "rankingModelVersionId" | "personalizerVersionId"
    >,
  ): GenerationPlan | OriginalReason {
    const { generator, promptVersion } = this.deps;
    const { userId, itemId, options, rankingModelVersionId, personalizerVersionId } = about;
    const { preferenceEmbedding, referenceCaptionEmbedding, referenceImageEmbedding } = result;
    const { sourceBlobHash } = result;
    if (sourceBlobHash === null) {
      return "NO_IMAGE";
    }
    if (result.historyItemIds.length === 0) {
      return "NO_HISTORY";
    }
    if (!referenceCaptionEmbedding || !referenceImageEmbedding) {
      return "ITEM_NOT_INDEXED";
    }
    if (!preferenceEmbedding) {
      return "HISTORY_NOT_INDEXED";
    }
    const requestKey = sha256(
      JSON.stringify({
        userId,
        itemId,
        sourceBlobHash,
        history: result.historyItemIds,
        retrieved: result.retrieved,
        prompt: result.prompt,
        // The prompt has room for some keywords only, and a model may change the others.
        ...(result.keywordExtractor !== KEYWORD_EXTRACTOR && {
          keywords: [result.referenceKeywords, result.preferenceKeywords],
        }),
        promptVersion,
        generator,
        rankingModelVersionId,
        personalizerVersionId,
        ...(this.deps.moderation && { moderation: this.deps.moderation }),
        options: Object.entries(options).sort(), // a job's options come back in another order
      }),
    );
    return {
      userId,
      itemId,
      sourceBlobHash,
      retrieval: {
        ...result,
        preferenceEmbedding,
        referenceCaptionEmbedding,
        referenceImageEmbedding,
      },
      options,
      rankingModelVersionId,
      personalizerVersionId,
      requestKey,
    };
  }
}
