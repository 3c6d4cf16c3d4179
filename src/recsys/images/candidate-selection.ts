/**
 * @file The one choice among the images drawn: the one with the highest ρ (Eq. 13).
 *
 * Serving adds rules: an image must pass the gates and the CS floor, and is shown only if the item ranks at least as well with
 * it as with the catalogue image. So ΔR >= 0 for whoever sees an image. Experiments report the choice with and without them.
 */
import type { ModerationStrategy } from "../../ml/moderation/moderation-strategy.js";
import { dot } from "../../ml/nn/cosine.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";
import type { WhatIf } from "../ranking/picture-ranker.js";
import type { CheckedImage } from "./product-lock.js";

/** CLIP image embeddings of a picture and of the reference's. */
export interface ComparedEmbeddings {
  generated: Float32Array;
  reference: Float32Array;
}

/** Whether a picture may be shown at all, and every reason against it, such as `BLANK`. */
export type Gate = (
  image: RgbImage,
  embeddings: ComparedEmbeddings,
) => { passes: boolean; faults: readonly string[] };

/** CLIP embeddings of the item as it is. */
export interface ReferenceEmbeddings {
  referenceCaptionEmbedding: Float32Array;
  referenceImageEmbedding: Float32Array;
}

/** The images drawn for one item, in order. */
export interface Candidates {
  images: readonly RgbImage[];
  /** CLIP's, of unit length; `[E]` each. */
  embeddings: readonly Float32Array[];
  /** Null when no ranking model knows the item. */
  whatIf: WhatIf | null;
  /** How true each is to the catalogue image. Null or left out where nobody asked. */
  checks?: readonly CheckedImage[] | null;
  /** Why none was drawn, and what is wrong with the mask; null or left out if some were. */
  originalFault?: "MASK_IMPLAUSIBLE" | null;
  originalDetail?: string[] | null;
}

/** What serving asks of an image before anybody sees it. */
export interface ServingRules {
  gate: Gate;
  moderation: Pick<ModerationStrategy, "faultsOf">;
}

export interface Candidate {
  image: RgbImage;
  /** CLIP cosine to the item's caption (CS / 100) and to its picture (CIS / 100). */
  captionSimilarity: number;
  imageSimilarity: number;
  faults: readonly string[];
  /** How true it is to the catalogue image; null where nobody asked. */
  check: CheckedImage | null;
}

export interface Selection {
  candidates: readonly Candidate[];
  /** Place of the best that may be shown; null when none may. */
  chosen: number | null;
  /** Whether it is shown: false when the item ranks lower with it. */
  isServed: boolean;
  whatIf: WhatIf | null;
  /** The least CS / 100 of a picture that may be shown. */
  captionFloor: number;
}

/**
 * The CS floor as a part of the catalogue picture's own CS, for CLIP's cosines mean something else with every checkpoint.
 * Half: a picture of another thing falls below it, one in another style does not.
 */
export const CAPTION_FLOOR_SHARE = 0.5;

/**
 * Chooses by score; without a ranking model by CS.
 *
 * @param rules Null: every image may be shown, and the best is, whatever its rank.
 */
export async function selectCandidate(
  { referenceCaptionEmbedding, referenceImageEmbedding }: ReferenceEmbeddings,
  { checks, embeddings, images, whatIf }: Candidates,
  rules: ServingRules | null,
): Promise<Selection> {
  const ownSimilarity = dot(referenceImageEmbedding, referenceCaptionEmbedding);
  const captionFloor = CAPTION_FLOOR_SHARE * Math.max(0, ownSimilarity);
  const moderated = await rules?.moderation.faultsOf(images);
  const faultsOf = (index: number, captionSimilarity: number): string[] => {
    if (!rules) {
      return [];
    }
    const compared = { generated: embeddings[index], reference: referenceImageEmbedding };
    const { faults } = rules.gate(images[index], compared);
    const offCaption = captionSimilarity < captionFloor ? ["OFF_CAPTION"] : [];
    const untrue = checks?.[index].faults ?? [];
    return [...faults, ...(moderated?.[index] ?? []), ...offCaption, ...untrue];
  };
  const candidates = images.map((image, index): Candidate => {
    const captionSimilarity = dot(embeddings[index], referenceCaptionEmbedding);
    return {
      image,
      captionSimilarity,
      imageSimilarity: dot(embeddings[index], referenceImageEmbedding),
      faults: faultsOf(index, captionSimilarity),
      check: checks?.[index] ?? null,
    };
  });
  return { ...choice(candidates, whatIf, rules !== null), whatIf, captionFloor };
}

/** The next choice after the chosen image turned out not to be one that may be shown. @param fault Why, such as `REJECTED` */
export function withoutChosen(selection: Selection, fault: string): Selection {
  const { candidates, chosen, whatIf } = selection;
  const others = candidates.map((candidate, index) =>
    index === chosen ? { ...candidate, faults: [...candidate.faults, fault] } : candidate,
  );
  return { ...selection, ...choice(others, whatIf, true) };
}

/** @param mustKeepRank Whether an image with which the item ranks lower is not shown. */
function choice(
  candidates: readonly Candidate[],
  whatIf: WhatIf | null,
  mustKeepRank: boolean,
): Pick<Selection, "candidates" | "chosen" | "isServed"> {
  const merit = (index: number) =>
    whatIf ? whatIf.candidates[index].score : candidates[index].captionSimilarity;
  const [chosen = null] = [...candidates.keys()]
    .filter(index => candidates[index].faults.length === 0)
    .sort((a, b) => merit(b) - merit(a) || a - b);
  const keepsRank = (index: number) =>
    !whatIf || whatIf.candidates[index].rank <= whatIf.rankBefore;
  return { candidates, chosen, isServed: chosen !== null && (!mustKeepRank || keepsRank(chosen)) };
}
