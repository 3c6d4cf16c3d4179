/** @file Parsers of options' values, one for each kind: what they refuse is told as wrong usage, with the reason. */
import { InvalidArgumentError } from "commander";

/** The largest number that the database keeps as a seed or a count: a signed integer of 32 bits. */
export const MAX_WHOLE_NUMBER = 2 ** 31 - 1;

/** Counts and seeds: 0 .. {@link MAX_WHOLE_NUMBER}, in digits alone. */
export function wholeNumber(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value <= MAX_WHOLE_NUMBER)) {
    throw new InvalidArgumentError(`must be a whole number of 0 .. ${MAX_WHOLE_NUMBER}`);
  }
  return value;
}

/** Whole numbers with commas between them, such as `1,2,3`. */
export function wholeNumbers(text: string): number[] {
  return text.split(",").map(part => wholeNumber(part.trim()));
}

/** Cut-offs and counts that must not be 0. */
export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) {
    throw new InvalidArgumentError("must be 1 or more");
  }
  return value;
}

/** Cut-offs with commas between them. */
export function positiveNumbers(text: string): number[] {
  return text.split(",").map(part => positiveNumber(part.trim()));
}

/** The id of a version or a run. */
export function uuid(text: string): string {
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) {
    throw new InvalidArgumentError("must be a UUID, such as `vitrine rankers list` shows");
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
