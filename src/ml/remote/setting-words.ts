/** @file A setting in words, for generators that read an instruction. */
import { type Oklab } from "../studio/oklab.js";
import { type Setting } from "../studio/setting.js";

/** Below this chroma a colour is a grey. */
const GREY_CHROMA = 0.02;
/** Below this chroma a colour is muted. */
const MUTED_CHROMA = 0.06;
/** Hues in OKLab, each up to its angle in degrees; those of sRGB's primaries and of common colour words lie inside. */
const HUES: readonly (readonly [upTo: number, name: string])[] = [
  [12, "pink"],
  [45, "red"],
  [80, "orange"],
  [118, "yellow"],
  [165, "green"],
  [215, "teal"],
  [285, "blue"],
  [325, "purple"],
  [360, "pink"],
];
const GREYS: readonly (readonly [below: number, name: string])[] = [
  [0.35, "charcoal"],
  [0.6, "dark grey"],
  [0.8, "grey"],
  [0.93, "light grey"],
  [Infinity, "white"],
];
/** A key light nearer to the middle is in front. */
const FRONT = 0.25;

/** The setting as one phrase, such as "a seamless studio wall in pale muted blue, lit from the left". */
export function settingWords({ colour, kind, light, texture }: Setting): string {
  const colours = colourWords(colour);
  const side = Math.abs(light) < FRONT ? "the front" : light < 0 ? "the left" : "the right";
  switch (kind) {
    case "RESTAGE":
      return `the same backdrop, light and shadows in ${colours}`;
    case "STUDIO":
      return `a seamless studio wall in ${colours}, lit softly from ${side}`;
    case "SURFACE":
      return `a surface of ${texture.toLowerCase()} in ${colours}, lit from ${side}`;
    case "SCENE":
      return `a room out of focus in tones of ${colours}, lit from ${side}`;
  }
}

/** A colour's name with its lightness, such as "dark green". */
export function colourWords([lightness, a, b]: Oklab): string {
  const chroma = Math.hypot(a, b);
  if (chroma < GREY_CHROMA) {
    return GREYS.find(([below]) => lightness < below)![1];
  }
  const hue = ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360;
  const [, name] = HUES.find(([upTo]) => hue <= upTo)!;
  const shade = lightness < 0.45 ? "dark " : lightness > 0.8 ? "pale " : "";
  return `${shade}${chroma < MUTED_CHROMA ? "muted " : ""}${name}`;
}
