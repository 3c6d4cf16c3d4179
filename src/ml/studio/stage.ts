/**
 * @file A photograph taken apart, once for all candidates: product, backdrop, shadows, and from where the camera looks.
 *
 * Shapes: H, W pixels of the photograph; h, w pixels at working size, at which all that is smooth is kept.
 */
import { type RgbImage } from "../nn/rgb-image.js";
import { type BackdropModel, backdropColours, fitBackdrop } from "./backdrop-model.js";
import { boxMean, dilated, eroded, softened } from "./box-filter.js";
import { LINEAR_OF_CODE, type LinearRgb, luminance, type Oklab, oklabOf } from "./oklab.js";
import { bytesOf, floatsOf } from "./planes.js";
import { type Extent, resized, within } from "./resample.js";

/** Longest side of the smooth maps. */
const STAGE_SIDE = 400;
/** Share of the lower border that a cut product covers at least. */
const CUT_SHARE = 0.02;
/** Light below this share of the backdrop's is a shadow; above, noise. */
const SHADOW_LIGHT = 0.965;

/**
 * CROPPED: the product leaves the image below, so no floor is seen. STANDING: it stands on something. FLAT: seen from above, or it
 * hangs. ROOM: the backdrop has a structure of its own, such as wall and floor.
 */
export type View = "CROPPED" | "STANDING" | "FLAT" | "ROOM";

export interface Stage {
  image: RgbImage;
  /** `[H, W]`, 0..255 */
  alpha: Uint8Array;
  extent: Extent;
  /** Alpha at working size, 0..1; `[h, w]`. */
  subject: Float32Array;
  /** sRGB codes at working size; `[h, w, 3]`. */
  pixels: Float32Array;
  backdrop: BackdropModel | null;
  /** Mean linear light of the backdrop; mid grey where none is seen. */
  backdropMean: LinearRgb;
  /** Mean colour of the product's edge in OKLab: a backdrop must differ from it. */
  rim: Oklab;
  /** Light of the backdrop under the product's shadows, 0..1; `[h, w]`; all 1 where the backdrop is not plain. */
  shadow: Float32Array;
  hasShadow: boolean;
  view: View;
  /** Rows and columns of the product at working size, the last ones included. */
  bounds: { top: number; bottom: number; left: number; right: number };
}

/** @param alpha `[H, W]`, 0..255 */
export function createStage(image: RgbImage, alpha: Uint8Array): Stage {
  const extent = within(image, STAGE_SIDE);
  const pixels = resized(image.pixels, image, extent, 3);
  const subject = resized(alpha, image, extent, 1).map(value => value / 255);
  const near = dilated(
    bytesOf(subject.length, at => (subject[at] > 0.02 ? 1 : 0)),
    extent,
    2,
  );
  const free = near.map(set => 1 - set);
  const backdrop = fitBackdrop(pixels, extent, free);
  const bounds = boundsOf(subject, extent);
  const shadow = shadowOf({ backdrop, extent, free, pixels });
  const hasShadow = countBelow(shadow, 0.92) > 0.004 * shadow.length;
  const parts = { image, alpha, extent, subject, pixels, backdrop, shadow, hasShadow, bounds };
  const rim = oklabOf(meanOf(pixels, rimOf(subject, extent)));
  return { ...parts, rim, backdropMean: meanOf(pixels, free), view: viewOf(parts, free) };
}

/** Pixels of the product within some pixels of its edge. */
function rimOf(subject: Float32Array, extent: Extent): Uint8Array {
  const inside = bytesOf(subject.length, at => (subject[at] > 0.9 ? 1 : 0));
  const core = eroded(inside, extent, 8);
  return inside.map((set, at) => set - core[at]);
}

function countBelow(values: Float32Array, limit: number): number {
  return values.reduce((count, value) => count + (value < limit ? 1 : 0), 0);
}

/** Mean linear light of the marked pixels. */
function meanOf(pixels: Float32Array, marked: Uint8Array): LinearRgb {
  const sums = [0, 0, 0];
  let count = 0;
  marked.forEach((set, at) => {
    if (set === 1) {
      count++;
      for (let c = 0; c < 3; c++) {
        sums[c] += LINEAR_OF_CODE[Math.round(pixels[3 * at + c])];
      }
    }
  });
  return count < 20 ? [0.2, 0.2, 0.2] : [sums[0] / count, sums[1] / count, sums[2] / count];
}

function boundsOf(subject: Float32Array, { heightPixels, widthPixels }: Extent) {
  let [top, bottom, left, right] = [heightPixels, -1, widthPixels, -1];
  subject.forEach((share, at) => {
    if (share > 0.5) {
      const [x, y] = [at % widthPixels, Math.floor(at / widthPixels)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
    }
  });
  return bottom < 0
    ? { top: 0, bottom: heightPixels - 1, left: 0, right: widthPixels - 1 }
    : { top, bottom, left, right };
}

/** The backdrop's light against its model, spread under the product and smoothed. */
function shadowOf({
  backdrop,
  extent,
  free,
  pixels,
}: Pick<Stage, "backdrop" | "extent" | "pixels"> & { free: Uint8Array }): Float32Array {
  if (!backdrop?.isPlain) {
    return new Float32Array(free.length).fill(1);
  }
  const colours = backdropColours(backdrop, extent);
  const light = (values: Float32Array, at: number) =>
    luminance(
      LINEAR_OF_CODE[Math.round(values[3 * at])],
      LINEAR_OF_CODE[Math.round(values[3 * at + 1])],
      LINEAR_OF_CODE[Math.round(values[3 * at + 2])],
    );
  const ratios = floatsOf(free.length, at => {
    const set = free[at];
    const ratio = set === 1 ? light(pixels, at) / Math.max(0.01, light(colours, at)) : 1;
    return ratio > SHADOW_LIGHT ? 1 : ratio / SHADOW_LIGHT;
  });
  return softened(spread(ratios, free, extent), extent, 3);
}

/** Values of unmarked pixels from marked ones near them. */
export function spread(values: Float32Array, marked: Uint8Array, extent: Extent): Float32Array {
  const result = values.slice();
  let known = marked;
  for (const radius of [3, 8, 20, 60, 200]) {
    const weights = boxMean(known, extent, radius);
    const sums = boxMean(
      result.map((value, at) => (known[at] === 1 ? value : 0)),
      extent,
      radius,
    );
    const next = known.slice();
    known.forEach((set, at) => {
      if (set === 0 && weights[at] > 1e-4) {
        result[at] = sums[at] / weights[at];
        next[at] = 1;
      }
    });
    known = next;
  }
  return result;
}

function viewOf(stage: Omit<Stage, "backdropMean" | "rim" | "view">, free: Uint8Array): View {
  const { backdrop, bounds, extent, hasShadow, shadow, subject } = stage;
  const { heightPixels: height, widthPixels: width } = extent;
  const lastRow = subject.subarray((height - 2) * width, (height - 1) * width);
  if (lastRow.filter(share => share > 0.5).length > CUT_SHARE * width) {
    return "CROPPED";
  }
  if (!backdrop?.isPlain) {
    return hasFloor(stage.pixels, free, extent) ? "ROOM" : "FLAT";
  }
  return hasShadow && isBelow(shadow, bounds, width) ? "STANDING" : "FLAT";
}

/** Whether the shadows lie at the product's foot rather than all around it. */
function isBelow(shadow: Float32Array, { bottom, top }: Stage["bounds"], width: number): boolean {
  const foot = bottom - 0.3 * (bottom - top);
  let [below, all] = [0, 0];
  shadow.forEach((light, at) => {
    const dark = Math.max(0, 0.97 - light);
    all += dark;
    below += Math.floor(at / width) >= foot ? dark : 0;
  });
  return below > 0.6 * all;
}

/** Whether the top and the bottom of the backdrop differ in colour, as wall and floor do. */
function hasFloor(pixels: Float32Array, free: Uint8Array, { widthPixels }: Extent): boolean {
  const third = Math.floor(free.length / widthPixels / 3) * widthPixels;
  const upper = free.map((set, at) => (at < third ? set : 0));
  const lower = free.map((set, at) => (at >= free.length - third ? set : 0));
  const [a, b] = [meanOf(pixels, upper), meanOf(pixels, lower)].map(oklabOf);
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) > 0.09;
}
