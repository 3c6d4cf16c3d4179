/**
 * @file The concepts of the stickers: emoji that exist in every style of the shop, with names and keywords.
 *
 * Without flags and the five skin tones of a drawing. Data: unicode-emoji-json, emojilib, emojibase-data (MIT).
 */
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { listNames } from "../../db/local-files.js";
import { seedFrom } from "../../ml/nn/random.js";
import { allStyles, shopStyles, stickerStyles, type StyleName } from "./sticker-styles.js";

/** Source of a drawing: an image file, or an SVG's text. */
export type StickerArt = { file: string } | { svg: string };

export interface StickerConcept {
  /** unicode-emoji-json's name with underscores: `grinning_face`. */
  slug: string;
  /** `grinning face` */
  title: string;
  /** At most {@link MAX_KEYWORDS}, of the title, emojibase and emojilib. */
  keywords: string[];
  /** Unicode's group: `smileys-emotion`. */
  group: string;
  art: Partial<Record<StyleName, StickerArt>> & Record<(typeof shopStyles)[number], StickerArt>;
}

interface IconSet {
  icons: Record<string, Icon>;
  aliases?: Record<string, { parent: string; rotate?: number; hFlip?: boolean; vFlip?: boolean }>;
  width?: number;
  height?: number;
}

interface Icon {
  body: string;
  left?: number;
  top?: number;
  width?: number;
  height?: number;
}

const MAX_KEYWORDS = 10;
const KEYWORD = /^[a-z][a-z0-9 -]{1,20}$/;
const FILLERS = new Set("with of the on in and at for not no".split(" "));
const SKIN_TONE = /[\u{1F3FB}-\u{1F3FF}]/u;
/** Joins several emoji into one, mostly people with a gender and a profession. */
const JOINER = "\u200d";
const SHORTCODES = ["github", "emojibase", "joypixels", "iamcal"];
/** iconify's default where a set gives none. */
const DEFAULT_ICON_SIDE = 16;

const require = createRequire(import.meta.url);
const json = <Content>(path: string) => require(path) as Content;

/** All concepts, in Unicode's order. @param limit Keep this many: a fixed mixture of all groups, joined emoji last. */
export function stickerConcepts(limit = Infinity): StickerConcept[] {
  const emojis = json<Record<string, { name: string; slug: string; group: string }>>(
    "unicode-emoji-json/data-by-emoji.json",
  );
  const lib = json<Record<string, string[]>>("emojilib/dist/emoji-en-US.json");
  const base = new Map(
    json<{ hexcode: string; label: string; tags?: string[] }[]>("emojibase-data/en/data.json").map(
      entry => [bareHex(entry.hexcode), entry],
    ),
  );
  const shortcodes = shortcodesByHex();
  const finders = artFinders();

  const concepts: StickerConcept[] = [];
  const joined = new Set<StickerConcept>();
  for (const [emoji, { name, slug, group }] of Object.entries(emojis)) {
    if (group === "Flags" || group === "Component" || SKIN_TONE.test(emoji)) {
      continue;
    }
    const hex = hexOf(emoji);
    const known = base.get(hex);
    const names = [slug, name, known?.label ?? "", ...(shortcodes.get(hex) ?? [])];
    const art: Partial<Record<StyleName, StickerArt>> = {};
    for (const style of allStyles) {
      const found = finders[style](hex, names);
      if (found) {
        art[style] = found;
      }
    }
    if (shopStyles.every(style => art[style])) {
      const title = titleOf(name);
      const concept: StickerConcept = {
        slug,
        title,
        keywords: keywordsOf([
          ...title.replaceAll("-", " ").split(" "),
          ...(known?.tags ?? []),
          ...(lib[emoji] ?? []),
        ]),
        group: group.toLowerCase().replace(/[^a-z]+/g, "-"),
        art: art as StickerConcept["art"], // every shop style was found above
      };
      concepts.push(concept);
      if (emoji.includes(JOINER)) {
        joined.add(concept);
      }
    }
  }
  const lastOfAll = (concept: StickerConcept) => Number(joined.has(concept));
  const chosen = new Set(
    [...concepts]
      .sort((a, b) => lastOfAll(a) - lastOfAll(b) || seedFrom(a.slug) - seedFrom(b.slug))
      .slice(0, limit),
  );
  return concepts.filter(concept => chosen.has(concept));
}

type ArtFinder = (hex: string, names: readonly string[]) => StickerArt | null;

function artFinders(): Record<StyleName, ArtFinder> {
  const folder = join(dirname(require.resolve("@lobehub/fluent-emoji-3d/package.json")), "assets");
  const files = new Map(
    listNames(folder)
      .filter(name => name.endsWith(".webp"))
      .map(name => [bareHex(basename(name, ".webp").replace(/^00(?=[0-9a-f]{2}-)/, "")), name]),
  );
  const inFiles: ArtFinder = hex => {
    const name = files.get(hex);
    return name === undefined ? null : { file: join(folder, name) };
  };
  const finders = allStyles.map(style => [
    style,
    style === "fluent-3d" ? inFiles : iconFinder(stickerStyles[style].packageName),
  ]);
  return Object.fromEntries(finders) as Record<StyleName, ArtFinder>; // one for each style
}

/** Finds an emoji by its characters, or by its names in sets that lack them. */
function iconFinder(packageName: string): ArtFinder {
  const set = json<IconSet>(`${packageName}/icons.json`);
  const byHex = new Map(
    Object.entries(json<Record<string, string>>(`${packageName}/chars.json`)).map(([hex, name]) => [
      bareHex(hex),
      name,
    ]),
  );
  const byName = new Map<string, string>();
  for (const name of [...Object.keys(set.icons), ...Object.keys(set.aliases ?? {})]) {
    if (!byName.has(compact(name))) {
      byName.set(compact(name), name);
    }
  }
  return (hex, names) => {
    const name =
      byHex.size > 0
        ? byHex.get(hex)
        : names.map(candidate => byName.get(compact(candidate))).find(found => found !== undefined);
    const svg = name === undefined ? null : svgOf(set, name);
    return svg === null ? null : { svg };
  };
}

function svgOf(set: IconSet, name: string): string | null {
  const alias = set.aliases?.[name];
  if (alias && (alias.rotate || alias.hFlip || alias.vFlip)) {
    return null; // a rotated alias; there are few
  }
  const icon = (set.icons[name] as Icon | undefined) ?? (alias && set.icons[alias.parent]);
  if (!icon) {
    return null;
  }
  const { left = 0, top = 0, body } = icon;
  const width = icon.width ?? set.width ?? DEFAULT_ICON_SIDE;
  const height = icon.height ?? set.height ?? DEFAULT_ICON_SIDE;
  const names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  return `<svg ${names} width="128" height="128" viewBox="${left} ${top} ${width} ${height}">${body}</svg>`;
}

function shortcodesByHex(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const set of SHORTCODES) {
    const codes = json<Record<string, string | string[]>>(
      `emojibase-data/en/shortcodes/${set}.json`,
    );
    for (const [hexcode, names] of Object.entries(codes)) {
      const hex = bareHex(hexcode);
      found.set(hex, [...(found.get(hex) ?? []), ...[names].flat()]);
    }
  }
  return found;
}

function titleOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[“”"’]/g, "")
    .replaceAll(": ", " ")
    .replace(/[^a-z0-9 '-]/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

function keywordsOf(words: readonly string[]): string[] {
  const clean = words
    .map(word => word.toLowerCase().replaceAll("_", " "))
    .filter(word => KEYWORD.test(word) && !FILLERS.has(word));
  return [...new Set(clean)].slice(0, MAX_KEYWORDS);
}

function hexOf(emoji: string): string {
  return bareHex(Array.from(emoji, character => character.codePointAt(0)?.toString(16)).join("-"));
}

/** Without the variation selector of coloured emoji, which data sets use inconsistently. */
function bareHex(hex: string): string {
  return hex
    .toLowerCase()
    .split("-")
    .filter(code => code !== "fe0f")
    .join("-");
}

function compact(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}
