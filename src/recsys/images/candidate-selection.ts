/**
 * @file Which of the pictures drawn is shown: the one with the highest ρ (Eq. 13) among those that may be shown, and only
 * if the item ranks at least as well with it as with the catalogue picture. So ΔR >= 0 for whoever sees a picture; what the
 * generator did without that rule is kept beside it (`isServed`), and both are always reported.
 */
import type { NewRankChange } from "../../db/personalized-images.repository.js";
import { dot } from "../../ml/nn/cosine.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";

/** What the ranking model says of an item's candidates; `null` when it does not know the item. */
export interface WhatIf {
  rankingModelVersionId: string;
  scoreBefore: number;
  rankBefore: number;
  numRanked: number;
  candidates: readonly { score: number; rank: number; deltaR: number }[];
}

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

export interface Candidate {
  image: RgbImage;
  /** CLIP cosine to the item's caption (CS / 100) and to its picture (CIS / 100). */
  captionSimilarity: number;
  imageSimilarity: number;
  faults: readonly string[];
}

export interface Selection {
  /** In the order they were drawn. */
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

/** Judges what was drawn; without a ranking model CS decides, and the best picture is shown. */
export function selectCandidate(
  { referenceCaptionEmbedding, referenceImageEmbedding }: ReferenceEmbeddings,
  drawn: readonly RgbImage[],
  given: {
    embeddings: readonly Float32Array[];
    whatIf: WhatIf | null;
    gate: Gate;
    /** What moderation has against each; default: nothing. */
    moderated?: readonly (readonly string[])[];
  },
): Selection {
  const { embeddings, whatIf, gate, moderated = [] } = given;
  const ownSimilarity = dot(referenceImageEmbedding, referenceCaptionEmbedding);
  const captionFloor = CAPTION_FLOOR_SHARE * Math.max(0, ownSimilarity);
  const candidates = drawn.map((image, index): Candidate => {
    const generated = embeddings[index];
    const captionSimilarity = dot(generated, referenceCaptionEmbedding);
    const { faults: ofQuality } = gate(image, { generated, reference: referenceImageEmbedding });
    const faults = [...ofQuality, ...(moderated[index] ?? [])];
    return {
      image,
      captionSimilarity,
      imageSimilarity: dot(generated, referenceImageEmbedding),
      faults: captionSimilarity < captionFloor ? [...faults, "OFF_CAPTION"] : faults,
    };
  });
  const merit = (index: number) =>
    whatIf ? whatIf.candidates[index].score : candidates[index].captionSimilarity;
  const [chosen = null] = [...candidates.keys()]
    .filter(index => candidates[index].faults.length === 0)
    .sort((a, b) => merit(b) - merit(a) || a - b);
  const isServed =
    chosen !== null && (!whatIf || whatIf.candidates[chosen].rank <= whatIf.rankBefore);
  return { candidates, chosen, isServed, whatIf, captionFloor };
}

/** The rank change of one candidate, as it is stored. */
export function rankChange(whatIf: WhatIf, index: number): NewRankChange {
  const { score, rank, deltaR } = whatIf.candidates[index];
  return {
    rankingModelVersionId: whatIf.rankingModelVersionId,
    rankBefore: whatIf.rankBefore,
    rankAfter: rank,
    scoreBefore: whatIf.scoreBefore,
    scoreAfter: score,
    numRanked: whatIf.numRanked,
    deltaR,
  };
}
