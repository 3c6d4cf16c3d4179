/**
 * @file The door for personalization methods: what the generator attends to when an image is made for a user. A host may
 * replace it.
 *
 * Default: RAGAR with the active personalizer (`ragar-method.ts`), else {@link plainMethod}. The other methods here are arms
 * of experiments.
 *
 * Shapes: E width of CLIP's embeddings, T tokens, D width of the denoiser's cross-attention.
 */
import type { RetrievalResult } from "../retrieval/retrieval-result.js";

/** What a method knows of a user and a reference item. */
export interface PersonalizationContext extends RetrievalResult {
  userId: string;
  itemId: string;
  /** P^rk, the mean CLIP feature of the items that the ranking model puts first for the user; `[E]`. Default: none. */
  rankerPreference?: Float32Array | null;
}

/**
 * What the candidates of one item attend to: a text and a CLIP image embedding `[E]` for all of them, or tokens `[T, D]`, row
 * by row, one array for each candidate. Where `conditions` are given, the default generator reads nothing else.
 */
export type ImageCondition =
  | { prompt: string; imageEmbedding?: Float32Array }
  | { prompt: string; conditions: readonly Float32Array[] };

export interface PersonalizationMethod {
  /** Its name and all that changes its conditions, such as a version. Part of an image's identity. */
  readonly id: string;
  /** The stored personalizer that it is, if it is one; kept with the images. Default: none. */
  readonly personalizerVersionId?: string;

  /**
   * The conditions of `n` candidates of each context. The same arguments give the same conditions.
   *
   * @param contexts at least one; all are for one batch.
   * @param n candidates of each context, at least 1.
   * @param seeds one for each context.
   * @throws Error is reported as `GENERATION_FAILED`, an AppError as it is.
   */
  condition(
    contexts: readonly PersonalizationContext[],
    n: number,
    seeds: readonly number[],
  ): Promise<ImageCondition[]>;
}

function promptMethod(
  id: string,
  of: (context: PersonalizationContext) => ImageCondition,
): PersonalizationMethod {
  return { id, condition: async contexts => contexts.map(of) };
}

const retrieved = ({ preferenceEmbedding }: PersonalizationContext) => ({
  imageEmbedding: preferenceEmbedding ?? undefined,
});

/** E^key and P^ret: all that retrieval knows, without a personalizer. */
export const plainMethod = promptMethod("plain", context => ({
  prompt: context.prompt,
  ...retrieved(context),
}));

/** E^key alone. */
export const keywordOnlyMethod = promptMethod("keyword-only", ({ prompt }) => ({ prompt }));

/** E^key and P^rk, the preference that the ranking model itself has, in place of P^ret. */
export const rankerPreferenceMethod = promptMethod("ranker-preference", context => ({
  prompt: context.prompt,
  imageEmbedding: context.rankerPreference ?? undefined,
}));

/** The reference's own keywords and P^ret. */
export const retrievalOnlyMethod = promptMethod("retrieval-only", context => ({
  prompt: context.referencePrompt,
  ...retrieved(context),
}));
