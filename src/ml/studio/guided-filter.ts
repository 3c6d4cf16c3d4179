/**
 * @file The guided filter with a colour guide: a mask takes the edges of its image. He, Sun and Tang, "Guided Image Filtering",
 * TPAMI 2013, Eq. 19-20; computed small and applied large, as in He and Sun, "Fast Guided Filter", 2015, arXiv:1505.00996.
 *
 * Shapes: H, W pixels of the small image, `[H, W, 3]` with values 0..1.
 */
import { type RgbImage } from "../nn/rgb-image.js";
import { boxMean } from "./box-filter.js";
import { floatsOf } from "./planes.js";
import { type Extent, sampled } from "./resample.js";

/** `q = a·I + b` at each pixel: three planes of `a`, then `b`; interleaved `[H, W, 4]`. */
export function guidedCoefficients(
  guide: Float32Array,
  mask: Float32Array,
  extent: Extent,
  { epsilon, radius }: { radius: number; epsilon: number },
): Float32Array {
  const size = mask.length;
  const mean = (plane: Float32Array) => boxMean(plane, extent, radius);
  const channels = [0, 1, 2].map(c => channelOf(guide, c));
  const [r, g, b] = channels.map(mean);
  const p = mean(mask);
  const [pr, pg, pb] = channels.map(channel => mean(productOf(channel, mask)));
  const pairs = [
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 1],
    [1, 2],
    [2, 2],
  ].map(([i, j]) => mean(productOf(channels[i], channels[j])));
  const planes = [0, 1, 2, 3].map(() => new Float32Array(size));
  for (let at = 0; at < size; at++) {
    const [mr, mg, mb, mp] = [r[at], g[at], b[at], p[at]];
    const rr = pairs[0][at] - mr * mr + epsilon;
    const rg = pairs[1][at] - mr * mg;
    const rb = pairs[2][at] - mr * mb;
    const gg = pairs[3][at] - mg * mg + epsilon;
    const gb = pairs[4][at] - mg * mb;
    const bb = pairs[5][at] - mb * mb + epsilon;
    const cr = pr[at] - mr * mp;
    const cg = pg[at] - mg * mp;
    const cb = pb[at] - mb * mp;
    // Inverse of the symmetric 3 x 3 covariance by cofactors.
    const irr = gg * bb - gb * gb;
    const irg = rb * gb - rg * bb;
    const irb = rg * gb - rb * gg;
    const determinant = rr * irr + rg * irg + rb * irb;
    const ar = (irr * cr + irg * cg + irb * cb) / determinant;
    const ag = (irg * cr + (rr * bb - rb * rb) * cg + (rb * rg - rr * gb) * cb) / determinant;
    const ab = (irb * cr + (rb * rg - rr * gb) * cg + (rr * gg - rg * rg) * cb) / determinant;
    planes[0][at] = ar;
    planes[1][at] = ag;
    planes[2][at] = ab;
    planes[3][at] = mp - ar * mr - ag * mg - ab * mb;
  }
  const result = new Float32Array(4 * size);
  planes.forEach((plane, c) => {
    const means = boxMean(plane, extent, radius);
    for (let at = 0; at < size; at++) {
      result[4 * at + c] = means[at];
    }
  });
  return result;
}

/** One channel of three; `[H, W, 3] -> [H, W]`. */
function channelOf(guide: Float32Array, c: number): Float32Array {
  const plane = new Float32Array(guide.length / 3);
  for (let at = 0, i = c; at < plane.length; at++, i += 3) {
    plane[at] = guide[i];
  }
  return plane;
}

function productOf(a: Float32Array, b: Float32Array): Float32Array {
  const product = new Float32Array(a.length);
  for (let at = 0; at < product.length; at++) {
    product[at] = a[at] * b[at];
  }
  return product;
}

/** The mask at some places of the large image, not clamped: `N` places -> `[N]`. */
export function applyGuided(
  coefficients: Float32Array,
  small: Extent,
  { places, image }: { places: Int32Array; image: RgbImage },
): Float32Array {
  const spread = sampled(coefficients, [small, image], 4, places);
  const { pixels } = image;
  return floatsOf(places.length, n => {
    const at = 3 * places[n];
    const red = spread[4 * n] * pixels[at];
    const green = spread[4 * n + 1] * pixels[at + 1];
    const blue = spread[4 * n + 2] * pixels[at + 2];
    return (red + green + blue) / 255 + spread[4 * n + 3];
  });
}
