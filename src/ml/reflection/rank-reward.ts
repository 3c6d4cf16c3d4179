/**
 * @file The reward of a rendered image: its score against the reference's and the keyword image's (Eq. 14).
 *
 * "RAGAR: Retrieval Augment Personalized Image Generation Guided by Recommendation", section 4.5. As printed, Eq. 14
 * grows while the generated image's score falls, although the text says "higher scores and lower ranks" are better;
 * `literal` is that form, kept for audits. The others reward a higher score (docs/adr/0008).
 *
 * Notation (name here -> symbol): reference -> ρ^ref, key -> ρ^key, generated[t] -> ρ^gen_t, delta -> δ.
 */
import { AppError } from "../../errors/app-error.js";

/**
 * - `marginCost`: `-Σ_c max(0, ρ_c - ρ_t + δ)`; its maximum, 0, once both others are beaten by δ.
 * - `flipped`: `Σ_c max(0, ρ_t - ρ_c + δ)`; its minimum, 0, while both others lead by δ.
 * - `rank`: minus the rank among the three images, 1 is best; equal scores share the mean of their ranks.
 * - `literal`: `Σ_c max(0, ρ_c - ρ_t) + δ`, as printed: it rewards a lower score. For audits only.
 */
export const rewardModes = ["marginCost", "flipped", "rank", "literal"] as const;

export type RewardMode = (typeof rewardModes)[number];

/** The ranking model's scores of one pair's images (Eq. 13); comparable within one user only. */
export interface RankScores {
  /** ρ^ref, of the catalogue image. */
  reference: number;
  /** ρ^key, of the image generated from the keywords alone. */
  key: number;
  /** ρ^gen_t, of each rollout; `[r]`. */
  generated: readonly number[];
}

/** R_t of every rollout (Eq. 14); `[r]`. @param delta δ, in units of the scores. */
export function rewards(
  mode: RewardMode,
  { reference, key, generated }: RankScores,
  delta: number,
): number[] {
  const others = [reference, key];
  const sum = (term: (other: number) => number) =>
    others.reduce((total, other) => total + term(other), 0);
  return generated.map(score => {
    switch (mode) {
      case "marginCost":
        return 0 - sum(other => Math.max(0, other - score + delta)); // not -0
      case "flipped":
        return sum(other => Math.max(0, score - other + delta));
      case "rank":
        return -(1 + sum(other => (other > score ? 1 : other === score ? 0.5 : 0)));
      case "literal":
        return sum(other => Math.max(0, other - score)) + delta;
    }
  });
}

/** @throws AppError `INVALID_ARGUMENT` for `literal`: a personalizer trained for lower ranks must not serve. */
export function assertServableReward(mode: RewardMode): void {
  if (mode === "literal") {
    throw new AppError("INVALID_ARGUMENT", {
      argument: "rewardMode",
      problem:
        "is 'literal', which lowers the score: such a personalizer is for audits, not for serving",
    });
  }
}
