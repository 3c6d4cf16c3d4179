/**
 * @file The meaning of a shop's feedback: which interactions are choices, and their strengths.
 *
 * `src/db/choices.ts` applies the rules, in SQL and in TypeScript. Nothing else defines a choice.
 */
import { z } from "zod";

/** The kinds of interactions, from the weakest sign of a preference to the strongest. */
export const interactionKinds = ["VIEW", "CLICK", "CART", "LIKE", "PURCHASE", "RATING"] as const;

export type FeedbackKind = (typeof interactionKinds)[number];

/** Limits that keep all products within the range of columns and numbers. */
const kindWeight = z.union([z.literal(0), z.number().min(1e-6).max(1e6)]);

export const feedbackRulesSchema = z
  .strictObject({
    /** The lowest rating that counts as liked, in the shop's own scale. */
    likedFrom: z.number().min(1e-6).max(1e6),
    /** Strength of one interaction of a kind, relative to the others; 0: no choice. */
    kindWeights: z.record(z.enum(interactionKinds), kindWeight).readonly(),
    /** Days after which a choice's strength halves; null for never. */
    halfLifeDays: z.number().min(1e-3).max(1e6).nullable(),
  })
  .readonly();

export type FeedbackRules = z.infer<typeof feedbackRulesSchema>;

export const defaultFeedbackRules: FeedbackRules = {
  likedFrom: 4,
  kindWeights: { VIEW: 0.2, CLICK: 0.3, CART: 0.6, LIKE: 1, PURCHASE: 1, RATING: 1 },
  halfLifeDays: null,
};

/** Three quarters of the way up a scale: 4 of 1 to 5; 8 of 1 to 10 and 1 of 0 and 1, where ratings are whole. */
function likedFromOf({ low, high }: { low: number; high: number }): number {
  return low + 0.75 * (high - low);
}

const ratingScale = z
  .string()
  .regex(/^\s*\d+(\.\d+)?\s*-\s*\d+(\.\d+)?\s*$/, "must be two numbers, such as 1-10")
  .transform(text => {
    const [low, high] = text.split("-").map(Number);
    return { low, high };
  })
  .refine(({ low, high }) => low < high, "must start with the lower number");

/** `KIND=number` pairs, separated by commas. */
const kindWeights = z
  .string()
  .transform(text => text.split(",").flatMap(pair => pair.trim() || []))
  .pipe(
    z.array(z.string().regex(/^[A-Za-z]+\s*=\s*\d+(\.\d+)?$/, "must be pairs such as VIEW=0.5")),
  )
  .transform(pairs =>
    Object.fromEntries(
      pairs.map(pair => {
        const [kind, weight] = pair.split("=");
        return [kind.trim().toUpperCase(), Number(weight)];
      }),
    ),
  )
  .pipe(z.partialRecord(z.enum(interactionKinds), kindWeight));

/** The environment settings of the rules. */
export const feedbackSettings = z.object({
  /** The lowest and the highest rating of the shop's scale, such as `1-10`; default 1-5. */
  VITRINE_RATING_SCALE: ratingScale.optional(),
  /** The lowest rating that counts as liked; default three quarters of the way up the scale, 4 of 1-5. */
  VITRINE_LIKED_FROM: z.coerce.number().min(1e-6).max(1e6).optional(),
  /** Strengths of interaction kinds, such as `VIEW=0,CART=0.8`; default as `defaultFeedbackRules`. */
  VITRINE_KIND_WEIGHTS: kindWeights.optional(),
  /** Days after which a choice's strength halves; default never. */
  VITRINE_HALF_LIFE_DAYS: z.coerce.number().min(1e-3).max(1e6).optional(),
});

export type FeedbackSettings = z.infer<typeof feedbackSettings>;

/** The rules of these settings, with defaults. */
export function feedbackRules({
  VITRINE_HALF_LIFE_DAYS: halfLifeDays,
  VITRINE_KIND_WEIGHTS: given,
  VITRINE_RATING_SCALE: scale,
  VITRINE_LIKED_FROM: likedFrom = scale ? likedFromOf(scale) : defaultFeedbackRules.likedFrom,
}: FeedbackSettings): FeedbackRules {
  const weights = { ...defaultFeedbackRules.kindWeights, ...given };
  return Object.freeze({
    likedFrom,
    kindWeights: Object.freeze(weights),
    halfLifeDays: halfLifeDays ?? null,
  });
}

/** Faults of the combination of settings. */
export function feedbackFaults({
  VITRINE_KIND_WEIGHTS: given = {},
  VITRINE_LIKED_FROM: likedFrom,
  VITRINE_RATING_SCALE: scale,
}: FeedbackSettings): string[] {
  const faults: string[] = [];
  if (scale && likedFrom !== undefined && !(likedFrom > scale.low && likedFrom <= scale.high)) {
    faults.push(
      `VITRINE_LIKED_FROM: must be above ${scale.low} and at most ${scale.high}, the end of the scale`,
    );
  }
  if (interactionKinds.every(kind => given[kind] === 0)) {
    faults.push("VITRINE_KIND_WEIGHTS: one kind must be above 0, or nothing is ever a choice");
  }
  return faults;
}
