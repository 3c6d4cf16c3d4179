/** @file What a personalizer does for the validation users, and which of two states of it is better. */
import { mean, percentile } from "../../ml/metrics/bootstrap.js";
import type { ScoredImages } from "./rollouts.js";

/** A type and not an interface, so that it passes as JSON. */
export type ValidationResult = Readonly<{
  /** Gradient steps made before it; of a policy over settings 0 is without it, 1 with it. */
  step: number;
  medianDeltaR: number;
  meanDeltaR: number;
  /** Fraction with ΔR > 0; those that did not move count half. */
  winRate: number;
  /** Mean of ρ - ρ^ref, in standard deviations of the user's scores: it moves where ranks tie. */
  meanScoreGain: number;
  /** Mean CS / 100, and that of the images that it is compared with: of keywords, or of settings by taste. */
  captionSimilarity: number;
  keyCaptionSimilarity: number;
  /** Whether the CS floor is kept. */
  isEligible: boolean;
}>;

interface About {
  step: number;
  /** CS / 100 of each pair's image that it is compared with. */
  keys: readonly number[];
  captionFloorShare: number;
}

/** @param scored One image a pair, at least one pair. */
export function validationResult(
  scored: readonly ScoredImages[],
  { captionFloorShare, keys, step }: About,
): ValidationResult {
  const deltas = scored.map(({ whatIf }) => whatIf.candidates[0].deltaR);
  const captionSimilarity = mean(scored.map(({ captionSimilarities: [own] }) => own));
  const keyCaptionSimilarity = mean(keys);
  const wins = deltas.map(delta => (delta > 0 ? 1 : delta === 0 ? 0.5 : 0));
  return {
    step,
    medianDeltaR: percentile(
      [...deltas].sort((a, b) => a - b),
      0.5,
    ),
    meanDeltaR: mean(deltas),
    winRate: mean(wins),
    meanScoreGain: mean(
      scored.map(({ whatIf: { candidates, scoreBefore, scoreDeviation } }) => {
        return (candidates[0].score - scoreBefore) / scoreDeviation;
      }),
    ),
    captionSimilarity,
    keyCaptionSimilarity,
    isEligible: captionSimilarity >= captionFloorShare * keyCaptionSimilarity,
  };
}

/** By eligibility, then the mean gain of the score: over few pairs medians of ΔR tie, and its mean is ruled by single pairs. */
export function isBetter(a: ValidationResult, b: ValidationResult): boolean {
  return a.isEligible !== b.isEligible ? a.isEligible : a.meanScoreGain > b.meanScoreGain;
}
