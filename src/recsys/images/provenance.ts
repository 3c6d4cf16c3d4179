/** @file The provenance of a stored image, kept in the database for the API's explanation. */
import type { DigitalSourceType } from "../../db/image-codec.js";
import type { Fidelity } from "../../ml/metrics/fidelity.js";
import type { Candidate, Selection } from "./candidate-selection.js";
import { sourceTypeOf } from "./disclosure.js";
import type { FidelityPolicy } from "./fidelity-policy.js";
import type { GenerationOptions } from "./generation-options.js";
import type { GenerationPlan } from "./generation-plan.js";

/** Enough to make the image again, and to explain it to the shopper. */
export interface Provenance {
  retrieved: { itemId: string; similarity: number; weight: number }[];
  weightEntropy: number;
  /** What made the keywords: the language model of the pack, the deterministic extractor, or both for different items. */
  keywordExtractor: string;
  referenceKeywords: string[];
  preferenceKeywords: string[];
  prompt: string;
  options: GenerationOptions;
  /** How true the images had to be; null where nobody asked. Absent from images of earlier releases. */
  fidelityPolicy?: FidelityPolicy | null;
  /** Absent from images of earlier releases, which are generated; null: nothing is. */
  sourceType?: DigitalSourceType | null;
  /** Null when there was no ranking model that knows the item. */
  rankingModelVersionId: string | null;
  scoreBefore: number | null;
  rankBefore: number | null;
  /** The least CS / 100 of a picture that may be shown. */
  captionFloor: number;
  chosenCandidate: number;
  candidates: {
    score: number | null;
    rank: number | null;
    deltaR: number | null;
    captionSimilarity: number;
    imageSimilarity: number;
    faults: string[];
    /** As shown, and as generated before the product was locked. Absent from images of earlier releases. */
    fidelity?: Fidelity | null;
    generatedFidelity?: Fidelity | null;
    /** The variant whose image it is; absent for a generated one. */
    variantId?: string;
  }[];
}

/** What a provenance says of a selection, from generated images or variants'. */
type ExplainedSelection = Pick<Selection, "captionFloor" | "chosen" | "whatIf"> & {
  candidates: readonly (Omit<Candidate, "check" | "image"> & {
    check?: Candidate["check"];
    variantId?: string;
  })[];
};

/** @param selection with a chosen image; one that may not be shown is not stored. */
export function provenance(
  { retrieval, options }: GenerationPlan,
  { candidates, captionFloor, chosen, whatIf }: ExplainedSelection,
) {
  const { check = null, variantId: shownVariant } = candidates[chosen!];
  return {
    retrieved: retrieval.retrieved.map(item => ({ ...item })),
    weightEntropy: retrieval.weightEntropy,
    keywordExtractor: retrieval.keywordExtractor,
    referenceKeywords: [...retrieval.referenceKeywords],
    preferenceKeywords: [...retrieval.preferenceKeywords],
    prompt: retrieval.prompt,
    options: { ...options },
    fidelityPolicy: check?.policy ?? null,
    sourceType: shownVariant === undefined ? sourceTypeOf(check) : null,
    rankingModelVersionId: whatIf?.rankingModelVersionId ?? null,
    scoreBefore: whatIf?.scoreBefore ?? null,
    rankBefore: whatIf?.rankBefore ?? null,
    captionFloor,
    chosenCandidate: chosen!,
    candidates: candidates.map(
      ({ captionSimilarity, imageSimilarity, check: own, faults, variantId }, index) => ({
        score: whatIf?.candidates[index].score ?? null,
        rank: whatIf?.candidates[index].rank ?? null,
        deltaR: whatIf?.candidates[index].deltaR ?? null,
        captionSimilarity,
        imageSimilarity,
        faults: [...faults],
        fidelity: own ? { ...own.fidelity } : null,
        generatedFidelity: own?.generatedFidelity ? { ...own.generatedFidelity } : null,
        ...(variantId !== undefined && { variantId }),
      }),
    ),
  } satisfies Provenance;
}
