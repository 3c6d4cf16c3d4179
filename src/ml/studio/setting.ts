/**
 * @file The setting of a product in a photograph, and its form as numbers: what a personalization method gives the generator for
 * each candidate, and what a policy may be trained over.
 */
import { AppError } from "../../errors/app-error.js";
import { type Oklab } from "./oklab.js";

/**
 * RESTAGE: the photograph's own backdrop in another colour, with its light and shadows. STUDIO: a seamless wall under a key light.
 * SURFACE: the product on a material. SCENE: a blurred photograph of the shop behind it.
 */
export const settingKinds = ["RESTAGE", "STUDIO", "SURFACE", "SCENE"] as const;
export type SettingKind = (typeof settingKinds)[number];

export const surfaceTextures = ["WOOD", "STONE", "LINEN", "PLASTER", "PAPER"] as const;
export type SurfaceTexture = (typeof surfaceTextures)[number];

export interface Setting {
  kind: SettingKind;
  /** Of a SURFACE. */
  texture: SurfaceTexture;
  /** Colour of the backdrop in OKLab. */
  colour: Oklab;
  /** Where the key light stands: -1 left, 1 right. */
  light: number;
  /** Strength of the light's fall-off and of synthesised shadows, 0..1. */
  depth: number;
  /** Size of a texture's pattern: 1 is usual, 0.5..2. */
  scale: number;
  /** Which of the shop's backdrops, 0..1, for a SCENE. */
  scene: number;
}

const NUM_KINDS = settingKinds.length;
const NUM_TEXTURES = surfaceTextures.length;

/** Numbers of an encoded setting: kinds, textures, then lightness, a, b, light, depth, scale, scene. */
export const SETTING_SIZE = NUM_KINDS + NUM_TEXTURES + 7;

/** Least and most lightness of a backdrop: neither a hole nor the shop's own page. */
const [LEAST_LIGHTNESS, MOST_LIGHTNESS] = [0.2, 0.97];
/** A backdrop of more chroma than this outshines its product. */
const MOST_CHROMA = 0.13;

/** Kind and texture as one-hot values, the others as they are; `[SETTING_SIZE]`. */
export function encodeSetting(setting: Setting): Float32Array {
  const values = new Float32Array(SETTING_SIZE);
  values[settingKinds.indexOf(setting.kind)] = 1;
  values[NUM_KINDS + surfaceTextures.indexOf(setting.texture)] = 1;
  const { colour, depth, light, scale, scene } = setting;
  values.set([...colour, light, depth, scale, scene], NUM_KINDS + NUM_TEXTURES);
  return values;
}

/**
 * The setting of any finite numbers: the kind and texture with the greatest value, the others in their ranges.
 *
 * @throws AppError `INVALID_ARGUMENT` for another length, or a value that is not finite.
 */
export function decodeSetting(values: Float32Array): Setting {
  if (values.length !== SETTING_SIZE || !values.every(Number.isFinite)) {
    const problem = `must be settings of ${SETTING_SIZE} finite numbers, but got ${values.length}`;
    throw new AppError("INVALID_ARGUMENT", { argument: "conditions", problem });
  }
  const kinds = values.subarray(0, NUM_KINDS);
  const textures = values.subarray(NUM_KINDS, NUM_KINDS + NUM_TEXTURES);
  const [lightness, a, b, light, depth, scale, scene] = values.subarray(NUM_KINDS + NUM_TEXTURES);
  return {
    kind: settingKinds[greatest(kinds)],
    texture: surfaceTextures[greatest(textures)],
    colour: mutedColour([lightness, a, b]),
    light: clamp(light, -1, 1),
    depth: clamp(depth, 0, 1),
    scale: clamp(scale, 0.5, 2),
    scene: clamp(scene, 0, 1),
  };
}

/** The colour within the lightness and chroma of backdrops, its hue kept. */
export function mutedColour([lightness, a, b]: Oklab): Oklab {
  const chroma = Math.hypot(a, b);
  const share = chroma > MOST_CHROMA ? MOST_CHROMA / chroma : 1;
  return [clamp(lightness, LEAST_LIGHTNESS, MOST_LIGHTNESS), share * a, share * b];
}

function greatest(values: Float32Array): number {
  return values.indexOf(values.reduce((most, value) => Math.max(most, value), -Infinity));
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
