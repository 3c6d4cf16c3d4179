/**
 * @file Everything that a personalised image depends on, read before it is made.
 *
 * The plan gives the image its key. Two requests with the same key are one generation. A new interaction, catalogue image,
 * model or prompt gives another key, so a stored image is never stale.
 */
import { createHash } from "node:crypto";
import type { VariantImage } from "../../db/variant-images.repository.js";
import { AppError } from "../../errors/app-error.js";
import type { ImageGenerator } from "../../ml/diffusion/image-generator.js";
import { KEYWORD_EXTRACTOR } from "../retrieval/keywords.js";
import type { RetrievalResult } from "../retrieval/retrieval-result.js";
import type { GenerationOptions } from "./generation-options.js";
import type { ImageContext } from "./image-path.js";
import { type PersonalizationMethod, plainMethod } from "./personalization-method.js";
import { VARIANT_CHOICE, type VariantsOfItem } from "./variant-images.js";

/** Why a shopper is shown the catalogue picture. */
export type OriginalReason =
  | "OPTED_OUT"
  | "NO_HISTORY"
  | "NO_IMAGE"
  | "HISTORY_NOT_INDEXED"
  | "ITEM_NOT_INDEXED"
  | "BELOW_QUALITY_FLOOR"
  | "MASK_IMPLAUSIBLE"
  | "RANKED_LOWER"
  | "NO_BETTER_VARIANT"
  | "REJECTED"
  | "GENERATION_FAILED"
  | "CANCELLED"
  | "BUSY";

export interface GenerationPlan {
  userId: string;
  itemId: string;
  /** Content hash of the catalogue picture. */
  sourceBlobHash: string;
  retrieval: ImageContext;
  /** Images of the item's variants that are tried before one is generated; none where none may be. */
  variants: readonly VariantImage[];
  options: GenerationOptions;
  rankingModelVersionId: string | null;
  /** What conditions the generator: the method that was active when the plan was made. */
  method: PersonalizationMethod;
  /** SHA-256 over everything above and the versions of generator and prompt. */
  requestKey: string;
  /** Stamp of the image that is stored with this key; null if there is none, or it is not one of the newest. */
  imageStamp: string | null;
}

export interface PlanDependencies {
  retrieval: {
    /** In the order of `itemIds`; null for an item that is not there. `images`: stamps of stored ones by their keys. */
    retrieveStamped(
      userId: string,
      itemIds: readonly string[],
    ): Promise<({ retrieval: RetrievalResult; images: ReadonlyMap<string, string> } | null)[]>;
  };
  rankers: { activeVersionId(): Promise<string | null> };
  methods: { active(): Promise<PersonalizationMethod> };
  /** Default: no variant is tried. */
  variants?: {
    of(items: readonly VariantsOfItem[]): Promise<ReadonlyMap<string, readonly VariantImage[]>>;
  };
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
    const [found, rankingModelVersionId, method] = await Promise.all([
      retrieval.retrieveStamped(userId, itemIds),
      rankers.activeVersionId(),
      methods.active(),
    ]);
    const results = found.map(stamped => stamped?.retrieval ?? null);
    const variants = await this.variantsOf(itemIds, results, options);
    return found.map((stamped, place) => {
      const itemId = itemIds[place];
      const about = { userId, itemId, options, variants: variants?.get(itemId) ?? [] };
      return stamped && this.planOf(stamped, { ...about, rankingModelVersionId, method });
    });
  }

  private async variantsOf(
    itemIds: readonly string[],
    results: readonly (RetrievalResult | null)[],
    options: GenerationOptions,
  ): Promise<ReadonlyMap<string, readonly VariantImage[]> | undefined> {
    const having = results.flatMap((result, place): VariantsOfItem[] =>
      result?.sourceBlobHash && result.variantStamp
        ? [
            {
              itemId: itemIds[place],
              sourceBlobHash: result.sourceBlobHash,
              stamp: result.variantStamp,
            },
          ]
        : [],
    );
    return options.variants === "OFF" ? undefined : this.deps.variants?.of(having);
  }

  private planOf(
    {
      images,
      retrieval: result,
    }: { retrieval: RetrievalResult; images: ReadonlyMap<string, string> },
    about: Pick<
      GenerationPlan,
      "userId" | "itemId" | "options" | "rankingModelVersionId" | "method" | "variants"
    >,
  ): GenerationPlan | OriginalReason {
    const { generator, promptVersion } = this.deps;
    const { userId, itemId, options, rankingModelVersionId, method, variants } = about;
    const { preferenceEmbedding, referenceCaptionEmbedding, referenceImageEmbedding } = result;
    const { sourceBlobHash } = result;
    if (result.isOptedOut) {
      return "OPTED_OUT";
    }
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
        ...(variants.length > 0 && {
          variants: [VARIANT_CHOICE, ...variants.map(image => [image.variantId, image.blobHash])],
        }),
        options: entriesOf(options),
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
      variants,
      options,
      rankingModelVersionId,
      method,
      requestKey,
      imageStamp: images.get(requestKey) ?? null,
    };
  }
}

/** Sorted, because a job's options come back in another order. Without variants, an image is as that of an item that has none. */
function entriesOf({ variants, ...knobs }: GenerationOptions): [string, unknown][] {
  return Object.entries(variants === "ONLY" ? { ...knobs, variants } : knobs).sort();
}
