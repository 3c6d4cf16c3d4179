/**
 * @file Settings around a shopper's mean: what the candidates of one item are drawn from. A policy may be trained over the same
 * numbers (`encodeSetting`).
 */
import { type Random } from "../nn/random.js";
import { type Oklab } from "./oklab.js";
import { mutedColour, type Setting, type SettingKind, type SurfaceTexture } from "./setting.js";

/** A shopper's taste in backdrops. */
export interface SettingTaste {
  /** Mean colour in OKLab, already within the range of backdrops. */
  colour: Oklab;
  /** Colours of single items of the history, with weights that add up to 1. */
  colours: readonly { colour: Oklab; weight: number }[];
}

/** Chroma of a backdrop that is clearly coloured, and yet stays behind its product. */
const CLEAR_CHROMA = 0.065;
/** Below this chroma a colour is grey: more of it would invent a hue. */
const GREY_CHROMA = 0.012;
/** Kinds of the first candidates; then from the start. Whatever does not suit the photograph is replaced by the generator. */
const kindsInTurn: readonly SettingKind[] = ["RESTAGE", "STUDIO", "SURFACE"];

/**
 * `count` settings: the first at the mean, the others farther from it by and by, of all kinds.
 *
 * @param numScenes backdrops of the shop; with some, every fourth candidate is a SCENE.
 */
export function drawSettings(
  { colour, colours }: SettingTaste,
  count: number,
  random: Random,
  numScenes = 0,
): Setting[] {
  const kinds = numScenes > 0 ? [...kindsInTurn, "SCENE" as const] : kindsInTurn;
  const side = random.uniform() < 0.5 ? -1 : 1;
  return Array.from({ length: count }, (_, n): Setting => {
    const far = n === 0 ? 0 : Math.min(1, 0.35 + 0.2 * n);
    // From the second round on a single item of the history leads: a mean of red and blue is nobody's taste.
    const origin =
      n < kinds.length || colours.length === 0
        ? colour
        : colours[random.weightedIndex(colours.map(({ weight }) => weight))].colour;
    const own = moved(origin, far, random);
    return {
      kind: kinds[n % kinds.length],
      texture: suitedTexture(own, random),
      colour: own,
      light: side * (0.35 + 0.4 * random.uniform()),
      depth: 0.45 + 0.35 * random.uniform(),
      scale: 0.8 + 0.5 * random.uniform(),
      scene: random.uniform(),
    };
  });
}

/** The colour turned, lightened and greyed a little; `far` 0..1. */
function moved([lightness, a, b]: Oklab, far: number, random: Random): Oklab {
  const turn = far * 0.28 * random.normal();
  const growth = Math.exp(far * 0.2 * random.normal());
  const [cos, sin] = [growth * Math.cos(turn), growth * Math.sin(turn)];
  const lighter = lightness + far * 0.05 * random.normal();
  return mutedColour([lighter, a * cos - b * sin, a * sin + b * cos]);
}

/** A material that there is in this colour: no blue wood. */
export function suitedTexture([lightness, a, b]: Oklab, random: Random): SurfaceTexture {
  const hue = (Math.atan2(b, a) * 180) / Math.PI;
  const chroma = Math.hypot(a, b);
  const isWarm = chroma > 0.025 && hue > 35 && hue < 100;
  if (isWarm && lightness < 0.8) {
    return "WOOD";
  }
  const choice: readonly SurfaceTexture[] =
    chroma < 0.03
      ? lightness > 0.85
        ? ["PLASTER", "LINEN", "STONE"]
        : ["STONE", "PLASTER"]
      : isWarm
        ? ["LINEN", "PLASTER"]
        : ["PLASTER", "PAPER", "LINEN"];
  return choice[random.int(choice.length)];
}

/**
 * The taste of weighted backdrop colours. Means are greyer than what they are means of, so chroma is given back; and lightness is
 * spread, so that two shoppers' images can be told apart.
 *
 * @param colours at least one; weights above 0.
 */
export function tasteOf(colours: readonly { colour: Oklab; weight: number }[]): SettingTaste {
  const total = colours.reduce((sum, { weight }) => sum + weight, 0);
  const mean = (c: number) =>
    colours.reduce((sum, { colour, weight }) => sum + (weight / total) * colour[c], 0);
  return {
    colour: clear([mean(0), mean(1), mean(2)]),
    colours: colours.map(({ colour, weight }) => ({
      colour: clear(colour),
      weight: weight / total,
    })),
  };
}

/** A backdrop of the same hue that is clearly of it. */
function clear([lightness, a, b]: Oklab): Oklab {
  const chroma = Math.hypot(a, b);
  const wanted = chroma < GREY_CHROMA ? chroma : Math.max(chroma, (chroma + CLEAR_CHROMA) / 2);
  const share = chroma === 0 ? 1 : wanted / chroma;
  return mutedColour([0.7 + 1.1 * (lightness - 0.7), share * a, share * b]);
}
