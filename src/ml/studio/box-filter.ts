/** @file Box filters in constant time per pixel: means, and the least and greatest value of a window. Shapes: `[H, W]`. */
import { type Extent } from "./resample.js";

/** The mean over `(2 radius + 1)²` pixels; at the border, over those that exist. */
export function boxMean(
  plane: ArrayLike<number>,
  { heightPixels, widthPixels }: Extent,
  radius: number,
): Float32Array {
  const across = new Float32Array(widthPixels * heightPixels);
  for (let y = 0; y < heightPixels; y++) {
    const row = y * widthPixels;
    let sum = 0;
    for (let x = 0; x < Math.min(radius, widthPixels); x++) {
      sum += plane[row + x];
    }
    for (let x = 0; x < widthPixels; x++) {
      if (x + radius < widthPixels) {
        sum += plane[row + x + radius];
      }
      if (x - radius - 1 >= 0) {
        sum -= plane[row + x - radius - 1];
      }
      const count = Math.min(x + radius, widthPixels - 1) - Math.max(x - radius, 0) + 1;
      across[row + x] = sum / count;
    }
  }
  return columnMean(across, { heightPixels, widthPixels }, radius);
}

/** Row by row, for the cache: one running sum for each column. */
function columnMean(
  plane: Float32Array,
  { heightPixels, widthPixels }: Extent,
  radius: number,
): Float32Array {
  const result = new Float32Array(plane.length);
  const sums = new Float64Array(widthPixels);
  const add = (y: number, sign: number) => {
    for (let x = 0, at = y * widthPixels; x < widthPixels; x++, at++) {
      sums[x] += sign * plane[at];
    }
  };
  for (let y = 0; y < Math.min(radius, heightPixels); y++) {
    add(y, 1);
  }
  for (let y = 0; y < heightPixels; y++) {
    if (y + radius < heightPixels) {
      add(y + radius, 1);
    }
    if (y - radius - 1 >= 0) {
      add(y - radius - 1, -1);
    }
    const count = Math.min(y + radius, heightPixels - 1) - Math.max(y - radius, 0) + 1;
    for (let x = 0, at = y * widthPixels; x < widthPixels; x++, at++) {
      result[at] = sums[x] / count;
    }
  }
  return result;
}

/** Three box means: close to a Gaussian of the same spread. */
export function softened(plane: ArrayLike<number>, extent: Extent, radius: number): Float32Array {
  const part = Math.max(1, Math.round(radius / Math.sqrt(3)));
  return boxMean(boxMean(boxMean(plane, extent, part), extent, part), extent, part);
}

/** 1 where any pixel within `radius` (a square) is set. */
export function dilated(mask: Uint8Array, extent: Extent, radius: number): Uint8Array {
  const means = boxMean(mask, extent, radius);
  const least = 0.5 / (2 * radius + 1) ** 2;
  return Uint8Array.from(means, mean => (mean > least ? 1 : 0));
}

/** 1 where all pixels within `radius` (a square) are set; the border does not count as unset. */
export function eroded(mask: Uint8Array, extent: Extent, radius: number): Uint8Array {
  const means = boxMean(mask, extent, radius);
  const least = 1 - 0.5 / (2 * radius + 1) ** 2;
  return Uint8Array.from(means, mean => (mean > least ? 1 : 0));
}
