/**
 * @file The settings that a trained policy weighs for one image, and each as a vector of features.
 *
 * Shapes: K features.
 */
import { type Random } from "../nn/random.js";
import { type Oklab } from "./oklab.js";
import { drawSettings, type SettingTaste, suitedTexture } from "./setting-draws.js";
import { type Setting, type SettingKind, settingKinds, surfaceTextures } from "./setting.js";

/** Settings by the shopper's taste at the head of the menu. */
const NUM_BY_TASTE = 6;
/** Of the coloured ones: two lightnesses of eight hues. */
const NUM_HUES = 8;
const CHROMA = 0.08;
const COLOURED_LIGHTNESSES = [0.45, 0.8];
const GREY_LIGHTNESSES = [0.25, 0.5, 0.75, 0.95];
const kindsWeighed: readonly SettingKind[] = ["RESTAGE", "STUDIO", "SURFACE"];

/** Colours over the whole range of backdrops. */
const palette: readonly Oklab[] = [
  ...COLOURED_LIGHTNESSES.flatMap(lightness =>
    Array.from({ length: NUM_HUES }, (_, n): Oklab => {
      const hue = (2 * Math.PI * n) / NUM_HUES;
      return [lightness, CHROMA * Math.cos(hue), CHROMA * Math.sin(hue)];
    }),
  ),
  ...GREY_LIGHTNESSES.map((lightness): Oklab => [lightness, 0, 0]),
];

/**
 * Settings by the shopper's taste, the first as it is without a policy, then every kind in every colour.
 *
 * @param random As for `drawSettings`: the same state gives the same first setting.
 */
export function settingMenu(taste: SettingTaste, random: Random, numScenes = 0): Setting[] {
  const byTaste = drawSettings(taste, NUM_BY_TASTE, random, numScenes);
  const others = kindsWeighed.flatMap(kind =>
    palette.map((colour): Setting => {
      const [side, light] = [random.uniform() < 0.5 ? -1 : 1, 0.35 + 0.4 * random.uniform()];
      return {
        kind,
        texture: suitedTexture(colour, random),
        colour,
        light: side * light,
        depth: 0.45 + 0.35 * random.uniform(),
        scale: 0.8 + 0.5 * random.uniform(),
        scene: random.uniform(),
      };
    }),
  );
  return [...byTaste, ...others];
}

/** Kinds without RESTAGE, the one that the others are compared with. */
const otherKinds = settingKinds.filter(kind => kind !== "RESTAGE");
const NUM_COLOUR_TERMS = 8;

/** Numbers of {@link settingFeatures}. */
export const SETTING_FEATURES =
  otherKinds.length + surfaceTextures.length + NUM_COLOUR_TERMS + 3 * otherKinds.length + 1;

/**
 * Kind, the texture of a SURFACE, the colour with its squares and products, the colour for each kind, and depth; about -1..1
 * each. `[K]`.
 */
export function settingFeatures({ colour, depth, kind, texture }: Setting): Float32Array {
  const [lightness, green, blue] = [(colour[0] - 0.65) / 0.3, colour[1] / 0.08, colour[2] / 0.08];
  const isOf = (other: SettingKind) => Number(kind === other);
  return Float32Array.from([
    ...otherKinds.map(isOf),
    ...surfaceTextures.map(other => isOf("SURFACE") * Number(texture === other)),
    ...[lightness, green, blue, lightness * lightness],
    ...[lightness * green, lightness * blue, green * blue, green * green - blue * blue],
    ...otherKinds.flatMap(other => [lightness, green, blue].map(value => isOf(other) * value)),
    (depth - 0.62) / 0.2,
  ]);
}
