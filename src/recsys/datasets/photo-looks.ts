/**
 * @file What a product photograph looks like: the colour of its backdrop and the main colours of its subject. Simulated
 * shoppers react to these (`photo-users.ts`).
 *
 * The measure uses no model: the backdrop is what the border of the photograph shows, the subject is what differs from it
 * near the middle. It is independent of the masks and settings with which images are made, so that likes do not depend on
 * the part that they judge.
 */
import { type Lab, labDistance, labOf, lchOf } from "../../ml/metrics/lab-color.js";
import type { RgbImage } from "../../ml/nn/rgb-image.js";

/** Kinds of backdrop by colour. */
export const settingNames = ["white", "grey", "dark", "warm", "cool", "pink"] as const;
export type SettingName = (typeof settingNames)[number];

/** Kinds of product colour. */
export const paletteNames = [
  "black",
  "grey",
  "white",
  "red",
  "brown",
  "yellow",
  "green",
  "blue",
  "purple",
] as const;
export type PaletteName = (typeof paletteNames)[number];

export interface PhotoLook {
  /** Colour of the backdrop. */
  backdrop: Lab;
  /** Main colours of the subject, largest first, each with its share of the subject, 0..1. */
  colors: readonly { color: Lab; share: number }[];
}

/** Side of the image to measure, in pixels: colours need no detail. */
export const LOOK_SIDE_PIXELS = 64;

/** Width of the border that shows the backdrop, as a share of the side. */
const BORDER_SHARE = 0.07;
/** Greatest distance from the backdrop's colour of a pixel of the backdrop, in Lab. */
const BACKDROP_RADIUS = 20;
/** The subject is looked for this far from the middle, as a share of the side. */
const SUBJECT_REACH = 0.4;
/** With a smaller share of different pixels, the middle of the photograph counts as its subject. */
const MIN_SUBJECT_SHARE = 0.04;
const MIDDLE_REACH = 0.2;
const NUM_COLORS = 3;
const NUM_ROUNDS = 8;

/** @param image of about {@link LOOK_SIDE_PIXELS} a side. */
export function measureLook({ heightPixels, pixels, widthPixels }: RgbImage): PhotoLook {
  const border: Lab[] = [];
  const inner: Lab[] = [];
  const middle: Lab[] = [];
  for (let y = 0; y < heightPixels; y++) {
    for (let x = 0; x < widthPixels; x++) {
      const at = 3 * (y * widthPixels + x);
      const color = labOf(pixels[at], pixels[at + 1], pixels[at + 2]);
      const [right, down] = [(x + 0.5) / widthPixels, (y + 0.5) / heightPixels];
      const reach = Math.max(Math.abs(right - 0.5), Math.abs(down - 0.5));
      if (reach > 0.5 - BORDER_SHARE) {
        border.push(color);
      } else if (reach <= SUBJECT_REACH) {
        inner.push(color);
        if (reach <= MIDDLE_REACH) {
          middle.push(color);
        }
      }
    }
  }
  const backdrop = backdropOf(border);
  const different = inner.filter(color => labDistance(color, backdrop) > BACKDROP_RADIUS);
  const isClear = different.length >= MIN_SUBJECT_SHARE * inner.length;
  return { backdrop, colors: mainColors(isClear ? different : middle) };
}

/** Dark, white, grey, or a hue. */
export function settingOf(color: Lab): SettingName {
  const { chroma, hue, lightness } = lchOf(color);
  if (lightness < 30) {
    return "dark";
  }
  if (chroma < 7) {
    return lightness >= 82 ? "white" : "grey";
  }
  return hue >= 30 && hue < 115 ? "warm" : hue >= 115 && hue < 308 ? "cool" : "pink";
}

export function paletteOf(color: Lab): PaletteName {
  const { chroma, hue, lightness } = lchOf(color);
  if (chroma < 12) {
    return lightness < 30 ? "black" : lightness >= 80 ? "white" : "grey";
  }
  if (lightness < 12) {
    return "black";
  }
  const ends: readonly (readonly [end: number, name: PaletteName])[] = [
    [42, "red"],
    [78, "brown"],
    [112, "yellow"],
    [185, "green"],
    [308, "blue"],
    [345, "purple"],
  ];
  return ends.find(([end]) => hue < end)?.[1] ?? "red";
}

/** The mean of the border's pixels near their median. */
function backdropOf(border: readonly Lab[]): Lab {
  const median = [0, 1, 2].map(channel => {
    const values = border.map(color => color[channel]).sort((a, b) => a - b);
    return values[values.length >> 1];
  }) as unknown as Lab; // three channels
  const near = border.filter(color => labDistance(color, median) <= BACKDROP_RADIUS);
  return near.length > 0 ? meanOf(near) : median;
}

/** Lloyd's algorithm, from the mean and the colours farthest from those before. */
function mainColors(colors: readonly Lab[]): PhotoLook["colors"] {
  const distanceTo = (centres: readonly Lab[]) => (color: Lab) =>
    Math.min(...centres.map(centre => labDistance(centre, color)));
  let centres: Lab[] = [meanOf(colors)];
  while (centres.length < NUM_COLORS) {
    const distance = distanceTo(centres);
    centres.push(colors.reduce((far, color) => (distance(color) > distance(far) ? color : far)));
  }
  let groups: Lab[][] = [];
  for (let round = 0; round < NUM_ROUNDS; round++) {
    groups = centres.map(() => []);
    for (const color of colors) {
      const distances = centres.map(centre => labDistance(centre, color));
      groups[distances.indexOf(Math.min(...distances))].push(color);
    }
    centres = groups.map((group, n) => (group.length > 0 ? meanOf(group) : centres[n]));
  }
  return groups
    .map((group, n) => ({ color: centres[n], share: group.length / colors.length }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share);
}

function meanOf(colors: readonly Lab[]): Lab {
  const sum = [0, 0, 0];
  for (const color of colors) {
    color.forEach((value, channel) => (sum[channel] += value));
  }
  const [lightness, a, b] = sum.map(value => value / colors.length);
  return [lightness, a, b];
}
