/**
 * @file Keywords of an item, and of a history's preference: single words and the shop's own phrases.
 *
 * "RAGAR: Retrieval Augment Personalized Image Generation Guided by Recommendation", Eq. 6. The paper asks a language
 * model for the keywords; this is the deterministic extractor. The paper gives neither n nor the minimum frequency of a
 * keyword.
 */
import { stopWordsOf } from "./shop-languages.js";
import { wordsOf } from "./words.js";

/** Names this extractor in explanations. */
export const KEYWORD_EXTRACTOR = "words-2";
/** The paper's n: preference keywords. */
export const DEFAULT_NUM_KEYWORDS = 8;
/** A keyword of one item among many is chance, not taste. */
const MIN_COUNT = 2;
/** {@link MIN_COUNT} applies from this many items on. */
const ENOUGH_ITEMS = 5;
/** A longer "word" is a code or a URL. */
const MAX_LETTERS = 24;
/** Maximum number of keywords per item. */
export const MAX_OF_ITEM = 16;
/** Words that captioners use for any image. */
const ABOUT_PICTURES = ["image", "photo", "photograph", "picture", "shown", "showing"];
const SAID_OF_PICTURES: ReadonlySet<string> = new Set(ABOUT_PICTURES);
/** One such character is a word. */
const ONE_CHARACTER_WORD = /^[\p{Script=Han}\p{Script=Hangul}]$/u;
/** Elided articles and prepositions: "d'été" is about "été". */
const ELIDED = /^(?:[cdjlmnst]|qu|un|all|dall|dell|nell|sull)['’]/;
const ELIDING_LANGUAGES = new Set(["fr", "it", "ca"]);
const CAPTIONER_LANGUAGE = "en";

export interface DescribedItem {
  title: string;
  /** Null if it has none. */
  caption: string | null;
  /** The shop's own keywords. */
  keywords: readonly string[];
  /** Language of the shop's texts, ISO 639-1; default English. */
  language?: string | null;
  /** Origin of the caption; default the shop. */
  captionSource?: "IMPORTED" | "MODEL" | "RECOGNIZED" | "TEXT" | null;
  /** What the language model wrote of title and caption; null or absent if nothing that can be used. */
  modelKeywords?: readonly string[] | null;
  /** Versions of that model and of its prompt. */
  keywordModel?: string | null;
}

/**
 * Keywords of an item without repeats: the shop's own, then the words of its title, then of its caption. Lower case;
 * letters with their marks, digits, hyphens and apostrophes only, so that a shop's text cannot be more than words in a
 * prompt. Without stop words.
 */
export function itemKeywords(item: DescribedItem): string[] {
  const { title, caption, keywords, captionSource } = item;
  const language = item.language ?? "en";
  const isByModel = captionSource === "MODEL" || captionSource === "RECOGNIZED";
  const captionLanguage = isByModel ? CAPTIONER_LANGUAGE : language;
  const own = keywords.map(keyword => wordsOf(keyword).join(" "));
  const telling = [
    ...tellingWords(title, language),
    ...tellingWords(caption ?? "", captionLanguage),
  ];
  const usable = [...own, ...telling].filter(
    keyword =>
      (keyword.length > 1 || ONE_CHARACTER_WORD.test(keyword)) &&
      keyword.length <= MAX_LETTERS &&
      /\p{L}/u.test(keyword),
  );
  return [...new Set(usable)].slice(0, MAX_OF_ITEM);
}

/**
 * w', the keywords of a retrieved history (Eq. 6), most frequent first. A keyword of a single item is dropped if there
 * are at least 5 items, unless none would remain. Ties by the sum of their items' similarities, then alphabetically.
 */
export function preferenceKeywords(
  items: readonly { keywords: readonly string[]; similarity: number }[],
  numKeywords = DEFAULT_NUM_KEYWORDS,
): string[] {
  const tally = new Map<string, { count: number; weight: number }>();
  for (const { keywords, similarity } of items) {
    for (const keyword of new Set(keywords)) {
      const { count, weight } = tally.get(keyword) ?? { count: 0, weight: 0 };
      tally.set(keyword, { count: count + 1, weight: weight + similarity });
    }
  }
  const counted = [...tally].sort(
    ([wordA, a], [wordB, b]) =>
      b.count - a.count || b.weight - a.weight || (wordA < wordB ? -1 : 1),
  );
  const shared = counted.filter(([, { count }]) => count >= MIN_COUNT);
  const kept = items.length >= ENOUGH_ITEMS && shared.length > 0 ? shared : counted;
  return kept.slice(0, numKeywords).map(([keyword]) => keyword);
}

function tellingWords(text: string, language: string): string[] {
  const sayingNothing = stopWordsOf(language);
  const words = wordsOf(text).map(word =>
    ELIDING_LANGUAGES.has(language) ? word.replace(ELIDED, "") : word,
  );
  return words.filter(word => !sayingNothing.has(word) && !SAID_OF_PICTURES.has(word));
}
