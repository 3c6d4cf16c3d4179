/** @file Numbers, times and plurals in the reader's language. */

const locale = navigator.language;
const numbers = new Map<string, Intl.NumberFormat>();

function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  const known = numbers.get(key) ?? new Intl.NumberFormat(locale, options);
  numbers.set(key, known);
  return known;
}

/** @param digits after the decimal separator, at most */
export function formatNumber(value: number, digits = 0): string {
  return numberFormat({ maximumFractionDigits: digits }).format(value);
}

/** A fraction as a percentage. */
export function formatShare(fraction: number, digits = 0): string {
  return numberFormat({ style: "percent", maximumFractionDigits: digits }).format(fraction);
}

/** A change, with its sign. */
export function formatChange(value: number, digits = 3): string {
  return numberFormat({
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: "exceptZero",
  }).format(value);
}

export function formatSeconds(seconds: number): string {
  return numberFormat({ style: "unit", unit: "second", maximumFractionDigits: 1 }).format(seconds);
}

const times = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

/** @param time ISO 8601 */
export function formatTime(time: string): string {
  return times.format(new Date(time));
}

const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** How long ago, such as "5 minutes ago". */
export function formatAgo(time: string, now: number = Date.now()): string {
  const seconds = (new Date(time).getTime() - now) / 1_000;
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) {
      return relative.format(Math.round(seconds / size), unit);
    }
  }
  return relative.format(0, "second");
}

const plurals = new Intl.PluralRules("en");

/** "1 item", "2 items": the texts of the pages are English. */
export function countOf(count: number, one: string, other = `${one}s`): string {
  return `${formatNumber(count)} ${plurals.select(count) === "one" ? one : other}`;
}
