/**
 * @file Puts the product back on a painted backdrop: pixels that are the product's alone are copied bit by bit.
 *
 * Shapes: H, W pixels of the photograph.
 */
import { type RgbImage } from "../nn/rgb-image.js";
import { type EdgeColours } from "./edge-colours.js";
import { codeOf } from "./oklab.js";
import { resized } from "./resample.js";
import { type Stage } from "./stage.js";

/** Grain of a painted backdrop in codes: a photograph has some, and smooth gradients would show bands without it. */
const GRAIN_CODES = 1.6;

/**
 * @param painted linear light; `[H, W, 3]`
 * @param shadow share of the light that reaches the backdrop; `[h, w]` at working size
 * @param seed of the grain
 */
export function composed(
  { alpha, extent, image }: Stage,
  edges: EdgeColours,
  { painted, seed, shadow }: { painted: Float32Array; shadow: Float32Array; seed: number },
): RgbImage {
  const { heightPixels, widthPixels } = image;
  const light = resized(shadow, extent, image, 1);
  const pixels = image.pixels.slice();
  const backs = new Float32Array(3 * edges.places.length);
  let edge = 0;
  for (let at = 0, i = 0; at < alpha.length; at++, i += 3) {
    if (alpha[at] === 255) {
      continue;
    }
    const grain = GRAIN_CODES * grainAt(at, seed);
    const r = codeOf(painted[i] * light[at]) + grain;
    const g = codeOf(painted[i + 1] * light[at]) + grain;
    const b = codeOf(painted[i + 2] * light[at]) + grain;
    if (alpha[at] === 0) {
      pixels[i] = byte(r);
      pixels[i + 1] = byte(g);
      pixels[i + 2] = byte(b);
    } else {
      backs.set([r, g, b], 3 * edge++);
    }
  }
  mixEdges(pixels, alpha, edges, backs);
  return { widthPixels, heightPixels, pixels };
}

function mixEdges(
  pixels: Uint8Array,
  alpha: Uint8Array,
  { fronts, places }: EdgeColours,
  backs: Float32Array,
): void {
  places.forEach((at, n) => {
    const share = alpha[at] / 255;
    for (let c = 0; c < 3; c++) {
      pixels[3 * at + c] = byte(share * fronts[3 * n + c] + (1 - share) * backs[3 * n + c]);
    }
  });
}

function byte(code: number): number {
  return code <= 0 ? 0 : code >= 255 ? 255 : Math.round(code);
}

/** A triangular value -1..1 of a place and a seed: two hashes (Wellons' lowbias32) added. */
function grainAt(at: number, seed: number): number {
  const first = hash(at ^ Math.imul(seed, 0x9e3779b1));
  return ((first & 0xffff) + (first >>> 16)) / 65_535 - 1;
}

function hash(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
