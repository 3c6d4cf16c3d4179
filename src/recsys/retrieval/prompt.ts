/**
 * @file The text that the generator's text encoder reads: `E^key = enc(reference keywords; preference keywords)`.
 *
 * The paper encodes the history's words alone, yet wants a picture that looks like the reference (docs/paper-map.md): so
 * the reference comes first, and the preference is given room of its own.
 */
import { wordsOf } from "./words.js";

/** Part of a picture's identity: another wording is another version. */
export const PROMPT_VERSION = "keywords-1";

/** Tokens the smallest text encoder has room for (32), without its start and its end. */
const MAX_TOKENS = 30;
/** Of these, at most for the title, and at least for the preference if it needs them. */
const MAX_TITLE_TOKENS = 10;
const MIN_PREFERENCE_TOKENS = 12;
/** Letters to a BPE token: CLIP's takes most common words whole; a small vocabulary splits after about five. */
const LETTERS_PER_TOKEN = 5;

/**
 * Title, reference keywords, preference keywords, joined by commas, within about 30 BPE tokens; a word that was said is not
 * said again.
 */
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

/** An estimate from above for ordinary words; the encoder cuts what is still too long. */
export function numTokens(text: string): number {
  return text
    .split(/[\s-]+/)
    .reduce((sum, word) => sum + Math.ceil([...word].length / LETTERS_PER_TOKEN), 0);
}

/** With the comma after each. */
function numListTokens(keywords: readonly string[]): number {
  return keywords.reduce((sum, keyword) => sum + numTokens(keyword) + 1, 0);
}

/** Whole words of the title, lower case, without punctuation. */
function titleWithin(title: string, maxTokens: number): string {
  const words = wordsOf(title);
  while (words.length > 0 && numTokens(words.join(" ")) > maxTokens) {
    words.pop();
  }
  return words.join(" ");
}

/** Keywords with at least one word that is new; they are said from now on. */
function unsaid(keywords: readonly string[], said: Set<string>): string[] {
  return keywords.filter(keyword => {
    const words = keyword.split(" ");
    const isNew = words.some(word => !said.has(word));
    words.forEach(word => said.add(word));
    return isNew;
  });
}

/** Keywords in order for as long as they fit; one too long is passed over. */
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
