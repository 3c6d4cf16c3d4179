/** @file What an experiment measures of a pair's candidates: the best of them, and what a shop would have shown. */
import {
  clipImageScore,
  clipPreferenceImageScore,
  clipPreferenceScore,
  clipScore,
} from "../../../ml/metrics/clip-scores.js";
import type { Candidates, Selection } from "../../images/candidate-selection.js";
import type { ImageContext } from "../../images/image-path.js";
import type { WhatIf } from "../../ranking/picture-ranker.js";
import type { HistoryItem } from "../../retrieval/retrieval.service.js";

/** What a shown image does. */
export interface ImageFigures {
  deltaR: number;
  rankAfter: number;
  /** CLIP scores, x 100 (`clip-scores.ts`). */
  cs: number;
  cis: number;
  cps: number;
  cpis: number;
}

/** What the candidate of the highest score does, without gate, floor and fallback; and what a shop would have shown. */
export interface ImageOutcome extends ImageFigures {
  userId: string;
  itemId: string;
  rankBefore: number;
  /** By the serving choice: the catalogue image, of ΔR 0, where no candidate may be shown. */
  served: ImageFigures & { isOriginal: boolean };
}

/** @param about.preference CLIP embedding of the preference keywords. @param selection with and without the serving rules */
export function imageOutcome(
  { embeddings, whatIf }: Candidates & { whatIf: WhatIf },
  about: ImageContext & { history: readonly HistoryItem[]; preference: Float32Array },
  { best, served }: { best: Selection; served: Selection },
): ImageOutcome {
  const { itemId, preference, referenceCaptionEmbedding, referenceImageEmbedding, userId } = about;
  const history = about.history.flatMap(item => item.imageEmbedding ?? []);
  const { rankBefore } = whatIf;
  /** @param index of a candidate; null: the catalogue image. */
  const figuresOf = (index: number | null): ImageFigures => {
    const shown = index === null ? referenceImageEmbedding : embeddings[index];
    const { deltaR, rank } =
      index === null ? { deltaR: 0, rank: rankBefore } : whatIf.candidates[index];
    return {
      deltaR,
      rankAfter: rank,
      cs: clipScore(shown, referenceCaptionEmbedding),
      cis: clipImageScore(shown, referenceImageEmbedding),
      cps: clipPreferenceScore(shown, preference),
      cpis: clipPreferenceImageScore(shown, history),
    };
  };
  return {
    userId,
    itemId,
    rankBefore,
    ...figuresOf(best.chosen),
    served: {
      ...figuresOf(served.isServed ? served.chosen : null),
      isOriginal: !served.isServed,
    },
  };
}
