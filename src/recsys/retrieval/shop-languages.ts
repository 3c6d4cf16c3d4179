/**
 * @file The languages that a shop may be written in: their stop words, which say nothing of an item, and how the language of
 * a catalogue is told.
 */
import { francAll } from "franc";
import * as stopwords from "stopword";

/** ISO 639-1 -> ISO 639-3, as `stopword` names its lists and `franc` its languages (where it has another, after a slash). */
const codes = {
  ar: "ara/arb",
  bg: "bul",
  bn: "ben",
  ca: "cat",
  cs: "ces",
  da: "dan",
  de: "deu",
  el: "ell",
  en: "eng",
  es: "spa",
  et: "est",
  fa: "fas/pes",
  fi: "fin",
  fr: "fra",
  he: "heb",
  hi: "hin",
  hr: "hrv",
  hu: "hun",
  hy: "hye",
  id: "ind",
  it: "ita",
  ja: "jpn",
  ko: "kor",
  lt: "lit",
  lv: "lav",
  nl: "nld",
  no: "nob",
  pl: "pol",
  pt: "por",
  ro: "ron",
  ru: "rus",
  sk: "slk",
  sl: "slv",
  sv: "swe",
  th: "tha",
  tl: "tgl",
  tr: "tur",
  uk: "ukr",
  ur: "urd",
  vi: "vie",
  zh: "zho/cmn",
} as const;

export type Language = keyof typeof codes;

/** ISO 639-1 codes of the languages that are known. */
export const languages = Object.keys(codes) as Language[];

/** Shorter texts in Latin letters are taken for English. */
const ENOUGH_CHARACTERS = 200;
/** How far, in franc's score, another language must be before English: English names are like those of its neighbours. */
const MARGIN = 0.02;

const words = new Map<Language, ReadonlySet<string>>();

export function isLanguage(code: string): code is Language {
  return Object.hasOwn(codes, code);
}

/** The words of a language that say nothing, in lower case. @param code ISO 639-1; of an unknown one those of English. */
export function stopWordsOf(code: string): ReadonlySet<string> {
  const language = isLanguage(code) ? code : "en";
  const known = words.get(language);
  if (known) {
    return known;
  }
  const [list] = codes[language].split("/");
  const found = new Set(stopwords[list as keyof typeof stopwords] as unknown as string[]);
  words.set(language, found);
  return found;
}

/**
 * The language that most of these texts are written in, by their letters and groups of three letters. English, if that is as
 * likely as any other, or there is too little text to tell.
 */
export function languageOf(texts: readonly string[]): Language {
  const text = texts.join(". ");
  const scores = new Map(
    francAll(text, { only: Object.values(codes).map(francCode), minLength: 1 }),
  );
  const [best = francCode(codes.en)] = scores.keys();
  const english = scores.get(francCode(codes.en));
  const isUncertain = text.length < ENOUGH_CHARACTERS || 1 - (english ?? 0) < MARGIN;
  if (english !== undefined && isUncertain) {
    return "en";
  }
  return languages.find(language => francCode(codes[language]) === best) ?? "en";
}

function francCode(code: string): string {
  return code.split("/").at(-1)!; // a split gives at least one part
}
