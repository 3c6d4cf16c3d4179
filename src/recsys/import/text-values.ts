/** @file Parses texts of shops: markup, lists in one cell, and texts that are too long. */
import { Parser } from "htmlparser2";

/** An HTML tag or character reference. `a < b` and `<3` are text. */
const MARKUP =
  /<\/?(a|abbr|b|blockquote|br|center|code|dd|del|div|dl|dt|em|figure|font|h[1-6]|hr|i|iframe|img|ins|li|mark|ol|p|pre|s|script|section|small|span|strong|style|sub|sup|table|tbody|td|th|thead|tr|u|ul|video)(\s[^<>]*)?\/?>|&(#\d+|#x[\da-f]+|[a-z]\w+);/i;
/** Elements that start a new line of text. */
const BLOCKS = /^(p|div|br|li|ul|ol|tr|table|h[1-6]|section|article|blockquote)$/;
const HIDDEN = /^(script|style|template)$/;
const IMAGE_FILE = /\.(avif|gif|jpe?g|png|svg|webp)$/i;

const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });

/** The text of HTML with normalized spaces; text without markup stays unchanged. */
export function plainText(text: string): string {
  if (!MARKUP.test(text)) {
    return text;
  }
  let plain = "";
  let numHidden = 0;
  const parser = new Parser({
    onopentagname(name) {
      numHidden += HIDDEN.test(name) ? 1 : 0;
      plain += BLOCKS.test(name) ? "\n" : "";
    },
    onclosetag(name) {
      numHidden -= HIDDEN.test(name) ? 1 : 0;
      plain += BLOCKS.test(name) ? "\n" : "";
    },
    ontext(part) {
      plain += numHidden > 0 ? "" : part;
    },
  });
  parser.end(text);
  return plain
    .replace(/[^\S\n]+/g, " ")
    .replace(/ ?\n[ \n]*/g, "\n")
    .trim();
}

/** The longest prefix of at most `max` UTF-16 units that ends between two graphemes. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) {
    return text;
  }
  // A longer grapheme is cut between code points.
  const from = Math.max(0, max - 64);
  let end = from;
  for (const { index, segment } of graphemes.segment(text.slice(from, max + 64))) {
    if (from + index + segment.length > max) {
      break;
    }
    end = from + index + segment.length;
  }
  const cut = end > from ? end : isLowSurrogate(text, max) ? max - 1 : max;
  return text.slice(0, cut).trimEnd();
}

function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Words of one cell without repeats, in order: separated by `|` if present, otherwise by `;`, otherwise by `,`. */
export function wordList(
  text: string,
  separator = text.includes("|") ? "|" : text.includes(";") ? ";" : ",",
): string[] {
  return unique(text.split(separator).map(word => word.trim()));
}

/** URLs or paths of images in one cell, separated by `,`, `;`, `|` or spaces; a name with a comma stays whole. */
export function imageList(text: string): string[] {
  const addresses = text.split(/[\s,;|]+(?=(?:https?:)?\/\/)/i);
  if (addresses.length > 1 || /^([a-z][a-z\d+.-]+:|\/\/)/i.test(text.trim())) {
    return unique(addresses.map(address => address.trim().replace(/[,;|]+$/, "")));
  }
  const paths = text.split(/[,;|]/).map(path => path.trim());
  return unique(paths.every(path => path === "" || IMAGE_FILE.test(path)) ? paths : [text.trim()]);
}

function unique(words: readonly string[]): string[] {
  return [...new Set(words.filter(word => word !== ""))];
}
