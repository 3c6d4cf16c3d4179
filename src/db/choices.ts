/**
 * @file Users' choices: the one definition, for SQL and for rows in memory.
 *
 * An interaction has a strength, and it is a choice when its strength is above 0:
 *
 *     strength = kindWeight · g(value)     value = weight / likedFrom for a RATING, otherwise weight
 *     g(value) = value up to 1, 1 + ln(value) above     (so that one huge order does not dominate)
 *
 * A RATING below `likedFrom` has strength 0. For one user and one item:
 *
 * - The latest LIKE or RATING is the user's verdict. It replaces earlier verdicts.
 * - If the verdict is no choice, the item is disliked, and all other interactions with it count nothing.
 * - Otherwise the item has the strength of its strongest remaining interaction and the time of its newest.
 *
 * With a half-life, an interaction of age `age` counts `2^(-age / halfLife)` of its strength.
 */
import type { FeedbackKind, FeedbackRules } from "../config/feedback-rules.js";
import { OF_PERSONALISED_USERS } from "./opt-out.js";

const verdictKinds: readonly string[] = ["LIKE", "RATING"] satisfies FeedbackKind[];

const MS_PER_DAY = 86_400_000;
/** Decay stops here: Postgres fails when a product underflows. */
const MAX_HALF_LIVES = 500;

/** An interaction of a user with an item. */
export interface Feedback {
  userId: string;
  itemId: string;
  kind: string;
  /** The value of a RATING; otherwise a count or strength, usually 1. */
  weight: number;
  occurredAt: Date;
}

/** An item that a user chose. */
export interface Choice {
  userId: string;
  itemId: string;
  /** When it was first and last chosen, by the interactions that still count. */
  firstAt: Date;
  lastAt: Date;
  /** Strength; > 0. */
  strength: number;
}

/** The strength of an interaction by kind and weight, without decay; 0 when it is no choice. */
export function strengthOf(
  { kind, weight }: Pick<Feedback, "kind" | "weight">,
  { kindWeights, likedFrom }: FeedbackRules,
): number {
  const given = Math.fround(weight); // as the column stores it
  const unit = kind === "RATING" ? Math.fround(likedFrom) : 1;
  if (kind === "RATING" && given < unit) {
    return 0;
  }
  const value = given / unit;
  return kindWeights[kind as FeedbackKind] * (value <= 1 ? value : 1 + Math.log(value));
}

/** Whether an interaction expresses a preference, before later verdicts of the user. */
export function isChoice(
  feedback: Pick<Feedback, "kind" | "weight">,
  rules: FeedbackRules,
): boolean {
  return strengthOf(feedback, rules) > 0;
}

/**
 * Users' choices in the order of their first interaction. Rows of the same time keep their given order.
 *
 * @param asOf Reference time of ages. Default: the newest row.
 */
export function choicesOf(
  rows: readonly Feedback[],
  rules: FeedbackRules,
  asOf = newest(rows),
): Choice[] {
  const users = new Map<string, Map<string, Tally>>();
  for (const row of rows) {
    const items = users.get(row.userId) ?? new Map<string, Tally>();
    users.set(row.userId, items);
    const tally = items.get(row.itemId) ?? { verdict: null, others: null };
    items.set(row.itemId, tally);
    if (!verdictKinds.includes(row.kind)) {
      tally.others = isChoice(row, rules)
        ? joined(tally.others, choiceBy(row, rules, asOf))
        : tally.others;
    } else if (!tally.verdict || row.occurredAt >= tally.verdict.occurredAt) {
      tally.verdict = row;
    }
  }
  const choices: Choice[] = [];
  for (const items of users.values()) {
    for (const { others, verdict } of items.values()) {
      if (!verdict) {
        choices.push(...(others ? [others] : []));
      } else if (isChoice(verdict, rules)) {
        choices.push(joined(others, choiceBy(verdict, rules, asOf)));
      }
    }
  }
  return choices.sort((a, b) => a.firstAt.getTime() - b.firstAt.getTime());
}

/** The state of one user and one item. */
interface Tally {
  verdict: Feedback | null;
  /** All interactions that are not verdicts. */
  others: Choice | null;
}

function choiceBy(row: Feedback, rules: FeedbackRules, asOf: Date): Choice {
  const { itemId, occurredAt, userId } = row;
  const strength = strengthOf(row, rules) * remaining(occurredAt, rules, asOf);
  return { userId, itemId, firstAt: occurredAt, lastAt: occurredAt, strength };
}

function joined(a: Choice | null, b: Choice): Choice {
  return a === null
    ? b
    : {
        ...a,
        firstAt: a.firstAt < b.firstAt ? a.firstAt : b.firstAt,
        lastAt: a.lastAt > b.lastAt ? a.lastAt : b.lastAt,
        strength: Math.max(a.strength, b.strength),
      };
}

/** The remaining fraction of an interaction's strength. */
function remaining(occurredAt: Date, { halfLifeDays }: FeedbackRules, asOf: Date): number {
  if (halfLifeDays === null) {
    return 1;
  }
  const age = Math.max(0, asOf.getTime() - occurredAt.getTime()) / (halfLifeDays * MS_PER_DAY);
  return 2 ** -Math.min(age, MAX_HALF_LIVES);
}

function newest(rows: readonly Feedback[]): Date {
  return new Date(rows.reduce((max, { occurredAt }) => Math.max(max, occurredAt.getTime()), 0));
}

/**
 * A query for users' opinions of items, one row for each user and item: `user_id`, `item_id`, `is_choice`,
 * `is_disliked`, and for choices `occurred_at` (the last time) and `strength`. Equivalent to {@link choicesOf}.
 *
 * @param options.where A condition on `interactions`. Default: all of users who did not opt out.
 * @param options.asOf Reference time of ages. Default: the time of the query.
 */
export function opinionsSql(
  rules: FeedbackRules,
  { asOf = "now()", where = OF_PERSONALISED_USERS }: { where?: string; asOf?: string } = {},
): string {
  const isVerdict = `kind IN (${verdictKinds.map(kind => `'${kind}'`).join(", ")})`;
  const aged =
    rules.halfLifeDays === null ? "strength" : `strength * ${agedSql(rules.halfLifeDays, asOf)}`;
  // The latest verdict is the greatest array. OFFSET 0 keeps the strength from being computed at every use.
  return `SELECT user_id, item_id, occurred_at,
      coalesce(verdict[3] > 0, other_strength > 0, false) AS is_choice,
      coalesce(verdict[3] = 0, false) AS is_disliked,
      GREATEST(other_strength, verdict[4]) AS strength
    FROM (SELECT user_id, item_id,
        max(ARRAY[date_part('epoch', occurred_at), id::float8, strength, ${aged}]) FILTER (WHERE is_verdict) AS verdict,
        max(${aged}) FILTER (WHERE NOT is_verdict) AS other_strength,
        max(occurred_at) FILTER (WHERE is_verdict OR strength > 0) AS occurred_at
      FROM (SELECT user_id, item_id, id, ${isVerdict} AS is_verdict, occurred_at, ${strengthSql(rules)} AS strength
        FROM interactions WHERE ${where} OFFSET 0) AS feedback
      GROUP BY user_id, item_id) AS tallies`;
}

/** The remaining fraction of an interaction's strength. */
function agedSql(halfLifeDays: number, asOf: string): string {
  const seconds = `GREATEST(0, date_part('epoch', ${asOf} - occurred_at))`;
  return `power(2::float8, -LEAST(${seconds} / ${halfLifeDays * 86_400}, ${MAX_HALF_LIVES}))`;
}

/** {@link strengthOf} of a row of `interactions`. The rules' numbers are literals: they are constant within a process. */
function strengthSql({ kindWeights, likedFrom }: FeedbackRules): string {
  const unit = `(${likedFrom}::real)::float8`;
  const value = `(weight::float8 / CASE WHEN kind = 'RATING' THEN ${unit} ELSE 1 END)`;
  const weights = Object.entries(kindWeights).map(
    ([kind, weight]) => `WHEN '${kind}' THEN ${weight}::float8`,
  );
  return `CASE WHEN kind = 'RATING' AND weight < ${likedFrom}::real THEN 0::float8
    ELSE CASE kind ${weights.join(" ")} END * CASE WHEN ${value} <= 1 THEN ${value} ELSE 1 + ln(${value}) END END`;
}
