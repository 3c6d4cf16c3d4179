/** @file Which texts Postgres can store: the one rule for files, API rows and whole requests. */

/** The character U+0000, or a lone surrogate (U+D800 to U+DFFF). */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** The message for such a text. */
export const UNSTORABLE_PROBLEM =
  "must not hold the character U+0000 or half a character (a lone surrogate), which Postgres cannot store";

export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}

/** The text with U+FFFD in place of each character that cannot be stored. */
export function storable(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, "\uFFFD");
}
