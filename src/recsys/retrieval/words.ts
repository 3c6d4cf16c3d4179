/** @file The words of a text, in any script. */

/** Letters with their marks (vowel signs, accents) and joiners between them form one word; so do hyphens and apostrophes. */
const RUN =
  /[\p{L}\p{N}][\p{L}\p{N}\p{M}\u200c\u200d]*(?:['’-][\p{L}\p{N}][\p{L}\p{N}\p{M}\u200c\u200d]*)*/gu;
/** Scripts without spaces between words. */
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
/** NFKC splits the Thai and Lao vowels Am; dictionaries do not have the parts. */
const SPLIT_AM = /\u0e4d\u0e32|\u0ecd\u0eb2/g;

const segmenter = new Intl.Segmenter("und", { granularity: "word" });

/** Lower-case words in the order of the text. Thai, Chinese and other texts without spaces are segmented by dictionary. */
export function wordsOf(text: string): string[] {
  const runs = plainLetters(text).match(RUN) ?? [];
  return runs.flatMap(run => (WITHOUT_SPACES.test(run) ? segments(run) : run));
}

/** Compatibility forms (full width, ligatures) as plain lower-case letters. */
function plainLetters(text: string): string {
  return text
    .normalize("NFKC")
    .replace(SPLIT_AM, am => (am.startsWith("\u0e4d") ? "\u0e33" : "\u0eb3"))
    .toLowerCase();
}

function segments(run: string): string[] {
  return Array.from(segmenter.segment(run)).flatMap(({ segment, isWordLike }) =>
    isWordLike ? segment : [],
  );
}
