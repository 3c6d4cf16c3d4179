/** @file Renders stickers, names their colours and captions them. */
import sharp from "sharp";
import type { StickerArt, StickerConcept } from "./sticker-concepts.js";
import { stickerStyles, type StyleName } from "./sticker-styles.js";

export const STICKER_SIDE_PIXELS = 128;
const RGBA = 4;
/** Pixels with a lower alpha, 0..1, count as background. */
const MIN_ALPHA = 0.3;
/** Minimum share of the drawing, 0..1, of a named colour. */
const MIN_COLOR_SHARE = 0.14;
const MAX_COLORS = 3;

export interface Drawing {
  /** PNG, 128x128, on white. */
  png: Buffer;
  /** The dominant colours, largest first. */
  colors: string[];
}

/** Renders a sticker. */
export async function drawSticker(art: StickerArt): Promise<Drawing> {
  const rgba = await drawRgba(art);
  const png = await sharp(rgba, {
    raw: { width: STICKER_SIDE_PIXELS, height: STICKER_SIDE_PIXELS, channels: RGBA },
  })
    .flatten({ background: "white" })
    .removeAlpha()
    .png()
    .toBuffer();
  return { png, colors: dominantColors(rgba) };
}

/** The colours of a sticker, without its image. */
export async function stickerColors(art: StickerArt): Promise<string[]> {
  return dominantColors(await drawRgba(art));
}

/**
 * `looks` (default): the object, its colours and its style. `titles`: the object alone, as most shops write, so that only the image
 * shows colours and style.
 */
export const stickerCaptionKinds = ["looks", "titles"] as const;
export type StickerCaptionKind = (typeof stickerCaptionKinds)[number];

/** "a grinning cat" */
export function plainStickerCaption({ title }: Pick<StickerConcept, "title">): string {
  return withArticle(title);
}

/** "a grinning cat, yellow and orange, in flat vector style" */
export function stickerCaption(
  { title }: StickerConcept,
  style: StyleName,
  colors: readonly string[],
): string {
  return `${withArticle(title)}, ${joined(colors)}, in ${stickerStyles[style].words}`;
}

function drawRgba(art: StickerArt): Promise<Buffer> {
  return sharp("file" in art ? art.file : Buffer.from(art.svg))
    .resize(STICKER_SIDE_PIXELS, STICKER_SIDE_PIXELS, {
      fit: "contain",
      background: { r: 255, g: 255, b: 255, alpha: 0 },
    })
    .ensureAlpha()
    .raw()
    .toBuffer();
}

/** Names of the colours that cover most of the drawing, weighted by opacity. */
export function dominantColors(rgba: Uint8Array): string[] {
  // Five bits per channel: similar shades share a name, and each name is looked up once.
  const shares = new Float64Array(2 ** 15);
  let total = 0;
  for (let i = 0; i < rgba.length; i += RGBA) {
    const alpha = rgba[i + 3] / 255;
    if (alpha >= MIN_ALPHA) {
      shares[((rgba[i] >> 3) << 10) | ((rgba[i + 1] >> 3) << 5) | (rgba[i + 2] >> 3)] += alpha;
      total += alpha;
    }
  }
  const shareOf = new Map<string, number>();
  for (const [shade, share] of shares.entries()) {
    if (share > 0) {
      const name = colorName((shade >> 7) & 0xf8, (shade >> 2) & 0xf8, (shade << 3) & 0xf8);
      shareOf.set(name, (shareOf.get(name) ?? 0) + share);
    }
  }
  return [...shareOf]
    .sort(([, a], [, b]) => b - a)
    .filter(([, share], i) => i === 0 || share > MIN_COLOR_SHARE * total)
    .slice(0, MAX_COLORS)
    .map(([name]) => name);
}

/**
 * One of eleven basic colour words. The bounds on hue (degrees), saturation and value (0..1) were chosen by looking at
 * the stickers: dark orange is brown, pale red is pink, very low saturation is white, grey or black.
 */
export function colorName(red: number, green: number, blue: number): string {
  const max = Math.max(red, green, blue);
  const chroma = max - Math.min(red, green, blue);
  const value = max / 255;
  const saturation = max === 0 ? 0 : chroma / max;
  if (value < 0.2) {
    return "black";
  }
  if (saturation < 0.14) {
    return value > 0.86 ? "white" : value < 0.28 ? "black" : "grey";
  }
  const sixths =
    max === red
      ? ((green - blue) / chroma) % 6
      : max === green
        ? (blue - red) / chroma + 2
        : (red - green) / chroma + 4;
  const hue = (sixths * 60 + 360) % 360;
  if (saturation < 0.3 && value < 0.72) {
    return hue >= 15 && hue < 50 ? "brown" : "grey";
  }
  if (hue < 14 || hue >= 346) {
    return saturation < 0.5 && value > 0.75 ? "pink" : value < 0.45 ? "brown" : "red";
  }
  if (hue < 42) {
    return value < 0.66 ? "brown" : saturation < 0.35 && value > 0.85 ? "pink" : "orange";
  }
  if (hue < 67) {
    return value < 0.5 ? "brown" : "yellow";
  }
  if (hue < 165) {
    return "green";
  }
  if (hue < 256) {
    return "blue";
  }
  if (hue < 296) {
    return "purple";
  }
  return value < 0.5 ? "purple" : "pink";
}

function joined(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Adds an article to a title, unless it is plural or takes none. */
function withArticle(title: string): string {
  const last = title.split(" ").at(-1) ?? "";
  const isPlural = last.endsWith("s") && !/(ss|us|bus|cross|glass|dress|compass)$/.test(last);
  if (isPlural || /^(the|a|an|no|ok|zzz|\d)\b/.test(title)) {
    return title;
  }
  const soundsOpen = /^[aeiou]/.test(title) && !/^(uni|one|eu)/.test(title);
  return `${soundsOpen ? "an" : "a"} ${title}`;
}
