/**
 * @file Everything that a personalised image depends on, read before it is made.
 *
 * The plan gives the image its key. Two requests with the same key are one generation. A new interaction, catalogue image,
 * model or prompt gives another key, so a stored image is never stale.
 */
import { createHash } from "node:crypto";
import { AppError } from "../../errors/app-error.js";
import type { ImageGenerator } from "../../ml/diffusion/image-generator.js";
import { KEYWORD_EXTRACTOR } from "../retrieval/keywords.js";
import type { RetrievalResult } from "../retrieval/retrieval-result.js";
import type { GenerationOptions } from "./generation-options.js";
import type { ImageContext } from "./image-path.js";
import { type PersonalizationMethod, plainMethod } from "./personalization-method.js";

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

export interface GenerationPlan {
  userId: string;
  itemId: string;
  /** Content hash of the catalogue picture. */
  sourceBlobHash: string;
  retrieval: ImageContext;
  options: GenerationOptions;
  rankingModelVersionId: string | null;
  /** What conditions the generator: the method that was active when the plan was made. */
  method: PersonalizationMethod;
  /** SHA-256 over everything above and the versions of generator and prompt. */
  requestKey: string;
}

export interface PlanDependencies {
  retrieval: {
    /** In the order of `itemIds`; null for an item that is not there. */
    retrieveMany(userId: string, itemIds: readonly string[]): Promise<(RetrievalResult | null)[]>;
  };
  rankers: { activeVersionId(): Promise<string | null> };
  methods: { active(): Promise<PersonalizationMethod> };
  generator: Pick<ImageGenerator, "version">;
  promptVersion: string;
  /** Name of the moderation strategy; empty for none. */
  moderation: string;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Reads what an image depends on, or says why none can be made. */
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
    const { retrieval, rankers, methods } = this.deps;
    const [results, rankingModelVersionId, method] = await Promise.all([
      retrieval.retrieveMany(userId, itemIds),
      rankers.activeVersionId(),
      methods.active(),
    ]);
    return results.map((result, place) => {
      const about = { userId, itemId: itemIds[place], options };
      return result && this.planOf(result, { ...about, rankingModelVersionId, method });
    });
  }

  private planOf(
    result: RetrievalResult,
    about: Pick<
      GenerationPlan,
      "userId" | "itemId" | "options" | "rankingModelVersionId" | "method"
    >,
  ): GenerationPlan | OriginalReason {
    const { generator, promptVersion } = this.deps;
    const { userId, itemId, options, rankingModelVersionId, method } = about;
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
        generator: generator.version,
        rankingModelVersionId,
        // As the keys of images that were made before methods had ids.
        ...(method.id === plainMethod.id ? { personalizerVersionId: null } : { method: method.id }),
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
        userId,
        itemId,
        sourceBlobHash,
        preferenceEmbedding,
        referenceCaptionEmbedding,
        referenceImageEmbedding,
      },
      options,
      rankingModelVersionId,
      method,
      requestKey,
    };
  }
}
