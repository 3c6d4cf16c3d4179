/** @file The rules by which recommendations omit items that a shopper has seen. */
import { z } from "zod";
import { type FeedbackKind, interactionKinds } from "./feedback-rules.js";

/**
 * By kind: the number of days for which an item is omitted after an interaction; 0 or no entry for never, `Infinity`
 * forever.
 */
export type SeenRules = Readonly<Partial<Record<FeedbackKind, number>>>;

/** Bought, liked and rated items stay omitted; viewed items may return after a week. */
export const defaultSeenRules: SeenRules = {
  VIEW: 7,
  CLICK: 7,
  CART: 30,
  LIKE: Infinity,
  PURCHASE: Infinity,
  RATING: Infinity,
};

const MS_PER_DAY = 86_400_000;

/** Whether the rules omit the item of an interaction. */
export function isSeen(
  { kind, occurredAt }: { kind: string; occurredAt: Date },
  rules: SeenRules,
  now: Date,
): boolean {
  const days = rules[kind as FeedbackKind] ?? 0;
  return days > 0 && now.getTime() - occurredAt.getTime() < days * MS_PER_DAY;
}

const pair = z
  .string()
  .regex(/^[A-Za-z]+\s*=\s*(\d+(\.\d+)?|always)$/, "must be pairs such as VIEW=7 or LIKE=always")
  .transform((text): [string, number] => {
    const [kind, days] = text.split("=").map(part => part.trim());
    return [kind.toUpperCase(), days === "always" ? Infinity : Number(days)];
  });

/** `KIND=days` pairs, separated by commas; other kinds keep their default. */
export const seenRulesSetting = z
  .string()
  .transform(text => text.split(",").flatMap(part => part.trim() || []))
  .pipe(z.array(pair))
  .transform(pairs => Object.fromEntries(pairs))
  .pipe(z.partialRecord(z.enum(interactionKinds), z.number().or(z.literal(Infinity))))
  .transform((given): SeenRules => Object.freeze({ ...defaultSeenRules, ...given }));
