/**
 * @file Paints the backdrop of a setting, in linear light, before shadows.
 *
 * Shapes: H, W pixels of the photograph, `[H, W, 3]`.
 */
import { type RgbImage } from "../nn/rgb-image.js";
import { LINEAR_OF_CODE, linearOf, type LinearRgb, luminance, type Oklab } from "./oklab.js";
import { type Extent, resized } from "./resample.js";
import { type Setting } from "./setting.js";
import { type Stage } from "./stage.js";
import { type Tile, tileLight } from "./texture-tiles.js";

/** A backdrop is brightened this much at most: more would show its noise. */
const MOST_GAIN = 3.2;
/** The light of a backdrop with a structure changes within these factors: its contrasts change with it. */
const [LEAST_LIFT, MOST_LIFT] = [0.5, 1.45];
/** Squared distance of chromaticities, twice over, within which a pixel has the backdrop's hue. */
const HUE_SPREAD = 0.006;
/** Place of the horizon below the middle of the image, as a share of its height, where the product gives none. */
const HORIZON = 0.68;

/** Linear light of the target at the highlights' end: values rise towards 1 without reaching it abruptly. */
function shoulder(value: number): number {
  return value <= 0.8 ? value : 0.8 + 0.2 * (1 - Math.exp(-(value - 0.8) / 0.2));
}

/** The photograph's own backdrop, its mean moved to the setting's colour; its light and its structure stay. */
export function paintRestaged(stage: Stage, { colour }: Setting): Float32Array {
  const own = Math.max(0.004, luminance(...stage.backdropMean));
  const target = linearOf(colour);
  const wanted = luminance(...target) / own;
  return stage.backdrop?.isPlain
    ? restagedPlain(stage.image, target, Math.min(MOST_GAIN, wanted) / wanted / own)
    : restagedStructure(stage, target, Math.min(MOST_LIFT, Math.max(LEAST_LIFT, wanted)) / own);
}

/** Every pixel takes the target's colour in its own light. */
function restagedPlain({ pixels }: RgbImage, target: LinearRgb, gain: number): Float32Array {
  const result = new Float32Array(pixels.length);
  for (let i = 0; i < result.length; i += 3) {
    const r = LINEAR_OF_CODE[pixels[i]];
    const g = LINEAR_OF_CODE[pixels[i + 1]];
    const light = gain * luminance(r, g, LINEAR_OF_CODE[pixels[i + 2]]);
    result[i] = shoulder(light * target[0]);
    result[i + 1] = shoulder(light * target[1]);
    result[i + 2] = shoulder(light * target[2]);
  }
  return result;
}

/** Pixels of about the mean's hue take the target's; what has another keeps it, but for the light. */
function restagedStructure(
  { backdropMean, image: { pixels } }: Stage,
  target: LinearRgb,
  gain: number,
): Float32Array {
  const own = luminance(...backdropMean);
  const power = gain * own;
  const tint = target.map(value => value / Math.max(1e-4, luminance(...target)));
  const mean = backdropMean[0] + backdropMean[1] + backdropMean[2];
  const [meanRed, meanGreen] = [backdropMean[0] / mean, backdropMean[1] / mean];
  const result = new Float32Array(pixels.length);
  for (let i = 0; i < result.length; i += 3) {
    const r = LINEAR_OF_CODE[pixels[i]];
    const g = LINEAR_OF_CODE[pixels[i + 1]];
    const b = LINEAR_OF_CODE[pixels[i + 2]];
    const sum = r + g + b + 1e-4;
    const off = (r / sum - meanRed) ** 2 + (g / sum - meanGreen) ** 2;
    const share = 0.12 + 0.78 * Math.exp(-off / HUE_SPREAD);
    const light = share * power * luminance(r, g, b);
    const rest = (1 - share) * power;
    result[i] = shoulder(light * tint[0] + rest * r);
    result[i + 1] = shoulder(light * tint[1] + rest * g);
    result[i + 2] = shoulder(light * tint[2] + rest * b);
  }
  return result;
}

/** A colour moved in lightness. */
function shaded([lightness, a, b]: Oklab, by: number): LinearRgb {
  return linearOf([Math.min(0.99, Math.max(0.08, lightness + by)), a, b]);
}

/** The row where wall meets floor, in pixels; null where no floor is seen. */
export function horizonOf({ bounds, extent, image, view }: Stage): number | null {
  if (view === "CROPPED" || view === "FLAT") {
    return null;
  }
  const height = bounds.bottom - bounds.top + 1;
  const foot = (bounds.bottom - 0.22 * height) / extent.heightPixels;
  return image.heightPixels * Math.min(0.9, Math.max(0.4, (foot + HORIZON) / 2));
}

/** A seamless wall under a key light, and the floor in front of it where the product stands on one. */
export function paintStudio(stage: Stage, { colour, depth, light }: Setting): Float32Array {
  const { heightPixels: height, widthPixels: width } = stage.image;
  const wall = shaded(colour, 0);
  const floor = shaded(colour, 0.035);
  const horizon = horizonOf(stage);
  const result = new Float32Array(3 * width * height);
  const [cx, cy] = [0.5 + 0.28 * light, 0.36];
  for (let y = 0, i = 0; y < height; y++) {
    const v = (y + 0.5) / height;
    const down = horizon === null ? 0 : smooth((y - horizon) / (0.16 * height) + 0.5);
    const fold = horizon === null ? 0 : Math.exp(-(((y - horizon) / (0.07 * height)) ** 2));
    for (let x = 0; x < width; x++, i += 3) {
      const u = (x + 0.5) / width;
      const far = (u - cx) ** 2 + (0.8 * (v - cy)) ** 2;
      const glow = Math.exp(-far / 0.22);
      const fall = 1 + depth * (0.34 * glow - 0.2) - 0.05 * fold * depth;
      const near = 1 + depth * (0.12 * glow - 0.06);
      const power = fall * (1 - down) + near * down;
      for (let c = 0; c < 3; c++) {
        result[i + c] = shoulder(power * (wall[c] * (1 - down) + floor[c] * down));
      }
    }
  }
  return result;
}

function smooth(t: number): number {
  const s = t <= 0 ? 0 : t >= 1 ? 1 : t;
  return s * s * (3 - 2 * s);
}

/** The product on a material: seen from above, or in perspective under a wall of the same light. */
export function paintSurface(stage: Stage, setting: Setting, tile: Tile): Float32Array {
  const { image } = stage;
  const horizon = horizonOf(stage);
  const light =
    horizon === null ? flatLight(image, setting, tile) : floorLight(image, setting, tile, horizon);
  const base = linearOf(setting.colour);
  const wall = shaded(setting.colour, setting.colour[0] > 0.5 ? -0.05 : 0.06);
  const result = new Float32Array(image.pixels.length);
  const { heightPixels: height, widthPixels: width } = image;
  for (let y = 0, at = 0; y < height; y++) {
    const v = (y + 0.5) / height;
    const isWall = horizon !== null && y < horizon;
    for (let x = 0; x < width; x++, at++) {
      const u = (x + 0.5) / width;
      const far = (u - 0.5 - 0.3 * setting.light) ** 2 + (v - 0.35) ** 2;
      const power = 1 + setting.depth * (0.26 * Math.exp(-far / 0.3) - 0.13);
      const own = light[at];
      for (let c = 0; c < 3; c++) {
        const tinted = own * (1 + tile.warmth * (own - 1) * (c === 0 ? -0.5 : c - 1));
        result[3 * at + c] = shoulder(power * (isWall ? wall[c] : base[c] * tinted));
      }
    }
  }
  return horizon === null ? result : softHorizon(result, image, horizon);
}

/** The material face on. A tile covers the shorter side, but is not enlarged. */
function flatLight(
  { heightPixels, widthPixels }: Extent,
  { scale }: Setting,
  tile: Tile,
): Float32Array {
  const step = scale / Math.min(widthPixels, heightPixels, 1.15 * tile.side);
  const result = new Float32Array(widthPixels * heightPixels);
  for (let y = 0, at = 0; y < heightPixels; y++) {
    for (let x = 0; x < widthPixels; x++, at++) {
      result[at] = tileLight(tile, x * step, y * step);
    }
  }
  return result;
}

/** The material as a floor: rows nearer to the horizon are farther away, and lose their contrast there. */
function floorLight(
  { heightPixels, widthPixels }: Extent,
  { scale }: Setting,
  tile: Tile,
  horizon: number,
): Float32Array {
  const result = new Float32Array(widthPixels * heightPixels).fill(1);
  const vanishing = horizon - 0.35 * heightPixels;
  const nearest = heightPixels - vanishing;
  for (let y = Math.max(0, Math.floor(horizon)); y < heightPixels; y++) {
    const distance = nearest / (y - vanishing);
    const detail = smooth((y - horizon) / (0.3 * heightPixels) + 0.25);
    for (let x = 0; x < widthPixels; x++) {
      const u = ((x - widthPixels / 2) * distance * scale) / widthPixels + 0.5;
      const v = 1.5 * distance * scale;
      result[y * widthPixels + x] = 1 + detail * (tileLight(tile, u, v) - 1);
    }
  }
  return result;
}

/** The wall's foot out of focus: rows near the horizon are mixed. */
function softHorizon(
  painted: Float32Array,
  { heightPixels, widthPixels }: Extent,
  horizon: number,
): Float32Array {
  const reach = Math.max(2, Math.round(0.012 * heightPixels));
  const row = 3 * widthPixels;
  const first = Math.max(0, Math.round(horizon) - reach);
  const last = Math.min(heightPixels - 1, Math.round(horizon) + reach);
  const [above, below] = [
    painted.slice(first * row, (first + 1) * row),
    painted.slice(last * row, (last + 1) * row),
  ];
  for (let y = first; y <= last; y++) {
    const down = smooth((y - first) / Math.max(1, last - first));
    for (let i = 0; i < row; i++) {
      painted[y * row + i] = above[i] * (1 - down) + below[i] * down;
    }
  }
  return painted;
}

/** A photograph out of focus, cut to the image's proportions, its mean moved towards the setting's colour. */
export function paintScene({ image }: Stage, { colour }: Setting, scene: RgbImage): Float32Array {
  const small = covered(scene, image);
  const linear = small.values.map(
    code => LINEAR_OF_CODE[Math.min(255, Math.max(0, Math.round(code)))],
  );
  const target = linearOf(colour);
  const mean = [0, 1, 2].map(c => {
    let sum = 0;
    for (let i = c; i < linear.length; i += 3) {
      sum += linear[i];
    }
    return (3 * sum) / linear.length;
  });
  const gains = mean.map((own, c) =>
    Math.sqrt(Math.min(4, Math.max(0.25, target[c] / Math.max(0.01, own)))),
  );
  const painted = resized(linear, small, image, 3);
  return painted.map((value, i) => shoulder(value * gains[i % 3]));
}

/** The middle of the photograph in the image's proportions, at some 40 pixels: out of focus when enlarged. */
function covered(scene: RgbImage, { heightPixels, widthPixels }: Extent) {
  const scale = Math.min(scene.widthPixels / widthPixels, scene.heightPixels / heightPixels);
  const width = Math.max(1, Math.floor(widthPixels * scale));
  const height = Math.max(1, Math.floor(heightPixels * scale));
  const left = (scene.widthPixels - width) >> 1;
  const top = (scene.heightPixels - height) >> 1;
  const cut = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const from = 3 * ((top + y) * scene.widthPixels + left);
    cut.set(scene.pixels.subarray(from, from + 3 * width), 3 * y * width);
  }
  const to = {
    widthPixels: Math.max(4, Math.round((40 * width) / Math.max(width, height))),
    heightPixels: Math.max(4, Math.round((40 * height) / Math.max(width, height))),
  };
  return { ...to, values: resized(cut, { widthPixels: width, heightPixels: height }, to, 3) };
}
