/**
 * @file What an item is about, and what a history prefers, in single words and the shop's own phrases.
 *
 * "RAGAR: Retrieval Augment Personalized Image Generation Guided by Recommendation", Eq. 6. The paper asks a language model
 * for the keywords; this is the deterministic extractor, which needs none. The paper gives neither n nor the frequency
 * below which a keyword is cut.
 */
import { eng } from "stopword";

/** Names this extractor where a picture explains itself. */
export const KEYWORD_EXTRACTOR = "words-1";
/** The paper's n: preference keywords kept. */
export const DEFAULT_NUM_KEYWORDS = 8;
/** A keyword of one item in so many is chance, not taste. */
const MIN_COUNT = 2;
/** From this many items on {@link MIN_COUNT} applies. */
const ENOUGH_ITEMS = 5;
/** A longer "word" is a code or an address. */
const MAX_LETTERS = 24;
/** Keywords of one item, at most. */
const MAX_OF_ITEM = 16;
/** Said of any picture, so they say nothing: captioners begin with them. */
const ABOUT_PICTURES = ["image", "photo", "photograph", "picture", "shown", "showing"];
/** A set: a history has hundreds of words, and the list more than a thousand. */
const SAYING_NOTHING: ReadonlySet<string> = new Set([...eng, ...ABOUT_PICTURES]);

const WORD = /[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu;

export interface DescribedItem {
  title: string;
  /** Null if it has none. */
  caption: string | null;
  /** Words the shop files the item under. */
  keywords: readonly string[];
}

/**
 * Keywords of an item without repeats: the shop's own, then the words of its title, then of its caption. Lower case,
 * letters, digits, hyphens and apostrophes only, so that no text of a shop can be more than words in a prompt.
 */
export function itemKeywords({ title, caption, keywords }: DescribedItem): string[] {
  const own = keywords.map(keyword => wordsOf(keyword).join(" "));
  const words = [...wordsOf(title), ...wordsOf(caption ?? "")];
  const telling = words.filter(word => !SAYING_NOTHING.has(word));
  const usable = [...own, ...telling].filter(
    keyword => keyword.length > 1 && keyword.length <= MAX_LETTERS && /\p{L}/u.test(keyword),
  );
  return [...new Set(usable)].slice(0, MAX_OF_ITEM);
}

/**
 * w', the keywords of a retrieved history (Eq. 6): those that most items have. One in a single item only is cut if there
 * are at least 5 items, unless that would leave none. Ties go by the sum of the similarities of the items that have it,
 * then by alphabet.
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

function wordsOf(text: string): string[] {
  return text.normalize("NFKC").toLowerCase().match(WORD) ?? [];
}
