/** @file The supported languages of a shop: their stop words, and the detection of a catalogue's language. */
import { francAll } from "franc";
import * as stopwords from "stopword";

/** ISO 639-1 -> ISO 639-3, the names of `stopword`'s lists and `franc`'s languages (after a slash where they differ). */
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

/** ISO 639-1 codes of the supported languages. */
export const languages = Object.keys(codes) as Language[];

/** Shorter texts in Latin letters count as English. */
const ENOUGH_CHARACTERS = 200;
/** Margin, in franc's score, by which another language must beat English: English names resemble its neighbours'. */
const MARGIN = 0.02;

const words = new Map<Language, ReadonlySet<string>>();

export function isLanguage(code: string): code is Language {
  return Object.hasOwn(codes, code);
}

/** Stop words of a language in lower case. @param code ISO 639-1; English for an unknown one. */
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

/** The language of most of these texts, by their letters and trigrams. English in case of a tie or too little text. */
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
