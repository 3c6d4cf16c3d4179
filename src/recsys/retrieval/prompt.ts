/**
 * @file The prompt of the generator's text encoder: `E^key = enc(reference keywords; preference keywords)`.
 *
 * The paper encodes only the history's keywords, yet wants an image that looks like the reference (docs/paper-map.md):
 * so the reference comes first, and the preference has its own share of tokens.
 */
import { wordsOf } from "./words.js";

/** Part of an image's identity: another wording is another version. */
export const PROMPT_VERSION = "keywords-1";

/** Tokens of the smallest text encoder (32), without start and end. */
const MAX_TOKENS = 30;
/** Of these, the title's maximum and the preference's reserved share. */
const MAX_TITLE_TOKENS = 10;
const MIN_PREFERENCE_TOKENS = 12;
/** Letters per BPE token: CLIP has most common words; a small vocabulary splits after about five letters. */
const LETTERS_PER_TOKEN = 5;

/** Title, reference keywords, preference keywords, joined by commas, within about 30 BPE tokens, without repeated words. */
export function generatorPrompt(
  referenceKeywords: readonly string[],
  preferenceKeywords: readonly string[],
  title: string,
): string {
  const name = titleWithin(title, MAX_TITLE_TOKENS);
  const said = new Set(name.split(" "));
  const reference = unsaid(referenceKeywords, said);
  const preference = unsaid(preferenceKeywords, said);

  const room = MAX_TOKENS - (name === "" ? 0 : numTokens(name) + 1);
  const reserved = Math.min(MIN_PREFERENCE_TOKENS, numListTokens(preference));
  const chosenReference = firstWithin(reference, room - reserved);
  const chosenPreference = firstWithin(preference, room - numListTokens(chosenReference));
  return [name, ...chosenReference, ...chosenPreference].filter(part => part !== "").join(", ");
}

/** An upper estimate for ordinary words; the encoder truncates the rest. */
export function numTokens(text: string): number {
  return text
    .split(/[\s-]+/)
    .reduce((sum, word) => sum + Math.ceil([...word].length / LETTERS_PER_TOKEN), 0);
}

/** Including the comma after each. */
function numListTokens(keywords: readonly string[]): number {
  return keywords.reduce((sum, keyword) => sum + numTokens(keyword) + 1, 0);
}

/** Whole words of the title in lower case, without punctuation. */
function titleWithin(title: string, maxTokens: number): string {
  const words = wordsOf(title);
  while (words.length > 0 && numTokens(words.join(" ")) > maxTokens) {
    words.pop();
  }
  return words.join(" ");
}

/** Keywords with at least one new word; marks them as said. */
function unsaid(keywords: readonly string[], said: Set<string>): string[] {
  return keywords.filter(keyword => {
    const words = keyword.split(" ");
    const isNew = words.some(word => !said.has(word));
    words.forEach(word => said.add(word));
    return isNew;
  });
}

/** The first keywords that fit; skips one that is too long. */
function firstWithin(keywords: readonly string[], maxTokens: number): string[] {
  let left = maxTokens;
  return keywords.filter(keyword => {
    const cost = numTokens(keyword) + 1;
    if (cost > left) {
      return false;
    }
    left -= cost;
    return true;
  });
}
