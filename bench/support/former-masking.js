/**
 * The parts of a subject mask as they were before they were made faster: one closure for each product of the guided filter, windows of
 * 0 and 1 by means of floats, one channel at a time. The benchmark compares with them, and checks that the values are the same.
 */
import { boxMean } from "../../dist/ml/studio/box-filter.js";

export function formerGuidedCoefficients(guide, mask, extent, { epsilon, radius }) {
  const size = mask.length;
  const mean = value => {
    const plane = new Float32Array(size);
    for (let at = 0; at < size; at++) {
      plane[at] = value(at);
    }
    return boxMean(plane, extent, radius);
  };
  const [r, g, b] = [0, 1, 2].map(c => mean(at => guide[3 * at + c]));
  const p = mean(at => mask[at]);
  const [pr, pg, pb] = [0, 1, 2].map(c => mean(at => guide[3 * at + c] * mask[at]));
  const product = (i, j) => mean(at => guide[3 * at + i] * guide[3 * at + j]);
  const pairs = [
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 1],
    [1, 2],
    [2, 2],
  ].map(([i, j]) => product(i, j));
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

export function formerDilated(mask, extent, radius) {
  const least = 0.5 / (2 * radius + 1) ** 2;
  return Uint8Array.from(boxMean(mask, extent, radius), mean => (mean > least ? 1 : 0));
}

export function formerEroded(mask, extent, radius) {
  const least = 1 - 0.5 / (2 * radius + 1) ** 2;
  return Uint8Array.from(boxMean(mask, extent, radius), mean => (mean > least ? 1 : 0));
}
