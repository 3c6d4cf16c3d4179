/**
 * @file Parses an interaction's kind, time and weight, for files and the API alike.
 *
 * docs/import.md has the same tables.
 */
import type { InteractionKind } from "../../db/rows.js";

/** An invalid value. `problem` says what is wrong; `got` is the value. */
export class ValueFault extends Error {
  constructor(
    readonly problem: string,
    readonly got?: unknown,
  ) {
    super(got === undefined ? problem : `${problem}, but got ${shown(got)}`);
    this.name = "ValueFault";
  }
}

/** Names of each kind, without case, spaces, `-` and `_`; the kind's own name first. */
export const kindNames: Readonly<Record<InteractionKind, readonly string[]>> = {
  VIEW: [
    "view",
    "viewed",
    "pageview",
    "productview",
    "viewitem",
    "viewcontent",
    "detailpageview",
    "visit",
  ],
  CLICK: ["click", "clicked", "itemclick", "productclick", "selectitem"],
  LIKE: ["like", "liked", "favorite", "favourite", "fav", "wishlist", "addtowishlist", "bookmark"],
  CART: ["cart", "addtocart", "basket", "addtobasket"],
  PURCHASE: ["purchase", "purchased", "transaction", "order", "ordered", "buy", "bought", "sale"],
  RATING: ["rating", "rate", "rated", "review", "stars"],
};

const kindByName = new Map(
  Object.entries(kindNames).flatMap(([kind, names]) =>
    names.map(name => [name, kind as InteractionKind] as const),
  ),
);

/** A word without case, spaces, `-` and `_`: `Add to Cart` and `add_to_cart` are equal. */
export function plainWord(text: string): string {
  return text.toLowerCase().replace(/[\s_-]+/g, "");
}

/** @throws ValueFault */
export function parseKind(given: unknown): InteractionKind {
  const kind = typeof given === "string" ? kindByName.get(plainWord(given)) : undefined;
  if (kind === undefined) {
    const kinds = Object.keys(kindNames).join(", ").toLowerCase();
    throw new ValueFault(`must be one of ${kinds}, or a synonym of one`, given);
  }
  return kind;
}

/** The largest value of Postgres's `real`, the column of weights. */
export const MAX_WEIGHT = 3.4028234663852886e38;

/**
 * A weight as its column stores it: the nearest float32, 0 below its range.
 *
 * @throws ValueFault if it is not a number, negative, or above {@link MAX_WEIGHT}.
 */
export function parseWeight(given: unknown): number {
  const isNumeral =
    typeof given === "string" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(given.trim());
  const weight = isNumeral || typeof given === "number" ? Number(given) : Number.NaN;
  if (!(weight >= 0 && weight <= MAX_WEIGHT)) {
    throw new ValueFault("must be a number from 0 to 3.4e38", given);
  }
  return Math.fround(weight) + 0; // -0 is 0
}

/** Tolerated clock skew into the future. */
const MAX_AHEAD_MS = 5 * 60_000;
const TIMES =
  "must be a time, such as 2026-01-31, 2026-01-31T18:30:00Z, 20260131T183000Z, or Unix seconds, milliseconds or microseconds";

/** Year, month, day; optional hour, minute, second, fraction, AM or PM, and zone. */
const DATE = /^(\d{4})(?:-(\d{1,2})-(\d{1,2})|\/(\d{1,2})\/(\d{1,2})|(\d\d)(\d\d))/;
const CLOCK =
  /^(?:[T ] *|(?=\d{6}$))(\d{1,2}):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)? *(AM|PM)? *(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?$/i;
/** Digits only: `20260131` and `20260131183000`. Such numbers are not plausible Unix times. */
const COMPACT = /^(19|20|21)\d{6}(\d{6})?$/;

/**
 * A time in ISO 8601 (basic or extended, date only, `/` for `-`), or in Unix seconds, milliseconds, microseconds or
 * nanoseconds, distinguished by magnitude. Times without a zone are UTC, whatever this machine's zone.
 *
 * @throws ValueFault if it is not a time, does not exist (30 February), is before 1970 or in the future.
 */
export function parseTime(given: unknown, now = new Date()): Date {
  const ms = milliseconds(given);
  if (ms === null) {
    throw new ValueFault(TIMES, given);
  }
  if (ms < 0) {
    throw new ValueFault("must not be before 1970", given);
  }
  if (ms > now.getTime() + MAX_AHEAD_MS) {
    throw new ValueFault("must not be in the future (a time without a zone is UTC)", given);
  }
  return new Date(ms);
}

/** Null if it is not a time. @throws ValueFault */
function milliseconds(given: unknown): number | null {
  if (given instanceof Date) {
    return Number.isNaN(given.getTime()) ? null : given.getTime();
  }
  if (!["string", "number", "bigint"].includes(typeof given)) {
    return null;
  }
  const text = String(given).trim();
  if (/^-?\d+(\.\d*)?$/.test(text) && !COMPACT.test(text)) {
    return unixMs(Number(text), given);
  }
  const date = DATE.exec(text);
  return date && calendarMs(date, text.slice(date[0].length), given);
}

function unixMs(value: number, given: unknown): number {
  if (value === 0) {
    throw new ValueFault("must be a time; 0 means none", given);
  }
  const size = Math.abs(value);
  const perMs = size < 1e11 ? 1e-3 : size < 1e14 ? 1 : size < 1e17 ? 1e3 : 1e6;
  return perMs < 1 ? Math.trunc(Math.round(value * 1e6) / 1e3) : Math.trunc(value / perMs);
}

function calendarMs(date: RegExpExecArray, rest: string, given: unknown): number | null {
  const [year, month, day] = date.slice(1).flatMap(part => (part ? [Number(part)] : []));
  const clock = CLOCK.exec(rest);
  if (rest !== "" && !clock) {
    return null;
  }
  const [, hours = "0", minutes = "0", seconds = "0", fraction = "", half, zone] = clock ?? [];
  const hour = half ? (Number(hours) % 12) + (half.toLowerCase() === "pm" ? 12 : 0) : Number(hours);
  const daysInMonth = new Date(Date.UTC(2000, month, 0)).getUTCDate();
  const days = month === 2 && !isLeapYear(year) ? 28 : daysInMonth;
  const offset = offsetMinutes(zone);
  const isReal =
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= days &&
    hour <= 23 &&
    (!half || (Number(hours) >= 1 && Number(hours) <= 12)) &&
    Number(minutes) <= 59 &&
    Number(seconds) <= 59 &&
    offset !== null;
  if (!isReal) {
    throw new ValueFault("must be an existing date and time", given);
  }
  if (year < 1970) {
    return -1; // Date.UTC maps the years 0 to 99 to 1900 to 1999
  }
  const ms = Number(fraction.padEnd(3, "0").slice(0, 3));
  return Date.UTC(year, month - 1, day, hour, Number(minutes) - offset, Number(seconds), ms);
}

function isLeapYear(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

/** Minutes east of Greenwich; null for an unknown zone. */
function offsetMinutes(zone: string | undefined): number | null {
  if (zone === undefined || /^[a-z]+$/i.test(zone)) {
    return 0;
  }
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(3).replace(":", "") || 0)];
  return hours <= 14 && minutes <= 59
    ? (hours * 60 + minutes) * (zone.startsWith("-") ? -1 : 1)
    : null;
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? `'${value}'` : String(JSON.stringify(value) ?? value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
