/** @file Which texts Postgres can store: the one rule for files, rows of the API and whole requests. */

/** The character U+0000, or half a character: a surrogate (U+D800 to U+DFFF) without its other half. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** What a refusal says of such a text. */
export const UNSTORABLE_PROBLEM =
  "must not hold the character U+0000 or half a character (a lone surrogate), which Postgres cannot store";

export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}
