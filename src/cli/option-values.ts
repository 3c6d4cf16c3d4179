/** @file Parsers of option values, one per kind: an invalid value is reported as wrong usage, with the reason. */
import { InvalidArgumentError } from "commander";

/** The largest seed or count that the database stores: a signed 32-bit integer. */
export const MAX_WHOLE_NUMBER = 2 ** 31 - 1;

/** Counts and seeds: 0 .. {@link MAX_WHOLE_NUMBER}, digits only. */
export function wholeNumber(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value <= MAX_WHOLE_NUMBER)) {
    throw new InvalidArgumentError(`must be a whole number of 0 .. ${MAX_WHOLE_NUMBER}`);
  }
  return value;
}

/** Whole numbers separated by commas, such as `1,2,3`. */
export function wholeNumbers(text: string): number[] {
  return text.split(",").map(part => wholeNumber(part.trim()));
}

/** Cut-offs and counts above 0. */
export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) {
    throw new InvalidArgumentError("must be 1 or more");
  }
  return value;
}

/** Cut-offs separated by commas. */
export function positiveNumbers(text: string): number[] {
  return text.split(",").map(part => positiveNumber(part.trim()));
}

/** The id of a version or a run. */
export function uuid(text: string): string {
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) {
    throw new InvalidArgumentError("must be a UUID, such as in `vitrine rankers list`");
  }
  return text.toLowerCase();
}

/** One of a few words. */
export const oneOf =
  <Word extends string>(words: readonly Word[]) =>
  (text: string): Word => {
    const found = words.find(word => word === text);
    if (found === undefined) {
      throw new InvalidArgumentError(`must be one of ${words.join(", ")}`);
    }
    return found;
  };

/** A time in ISO 8601, such as `2026-11-01` or `2026-11-01T12:00:00Z`. */
export function isoTime(text: string): Date {
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? new Date(text) : new Date(NaN);
  if (Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError("must be a time in ISO 8601, such as 2026-11-01");
  }
  return time;
}
