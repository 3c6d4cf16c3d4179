/**
 * @file What a rendered picture earns: its score against the reference's and the keyword picture's (Eq. 14).
 *
 * "RAGAR: Retrieval Augment Personalized Image Generation Guided by Recommendation", section 4.5. As printed, Eq. 14 grows
 * while the generated picture's score falls, though "higher scores and lower ranks" are better; `literal` is that form, kept
 * for audits. The others pay for a higher score (docs/adr/0008).
 *
 * Notation (name here -> symbol): reference -> ρ^ref, key -> ρ^key, generated[t] -> ρ^gen_t, delta -> δ.
 */
import { AppError } from "../../errors/app-error.js";

/**
 * - `marginCost`: `-Σ_c max(0, ρ_c - ρ_t + δ)`; 0, its most, once both others are beaten by δ.
 * - `flipped`: `Σ_c max(0, ρ_t - ρ_c + δ)`; 0, its least, while both others are ahead by δ.
 * - `rank`: minus the place among the three pictures, 1 is best; equal scores share the mean of their places.
 * - `literal`: `Σ_c max(0, ρ_c - ρ_t) + δ`, as printed: it pays for being worse. For audits only.
 */
export const rewardModes = ["marginCost", "flipped", "rank", "literal"] as const;

export type RewardMode = (typeof rewardModes)[number];

/** The ranking model's scores of one pair's pictures (Eq. 13); comparable within one user only. */
export interface RankScores {
  /** ρ^ref, of the catalogue's picture. */
  reference: number;
  /** ρ^key, of the picture made from the keywords alone. */
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

/** @throws AppError `INVALID_ARGUMENT` for `literal`: what was trained to be ranked lower must not be served. */
export function assertServableReward(mode: RewardMode): void {
  if (mode === "literal") {
    throw new AppError("INVALID_ARGUMENT", {
      argument: "rewardMode",
      problem:
        "is 'literal', which lowers the score: such a personaliser is for audits, not for serving",
    });
  }
}
