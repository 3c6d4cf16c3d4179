/** @file Box filters in constant time per pixel: means, and the least and greatest value of a window. Shapes: `[H, W]`. */
import { type Extent } from "./resample.js";

/** The mean over `(2 radius + 1)²` pixels; at the border, over those that exist. */
export function boxMean(
  given: ArrayLike<number>,
  { heightPixels, widthPixels }: Extent,
  radius: number,
): Float32Array {
  // Loops over one type of array are several times as fast.
  const plane = given instanceof Float32Array ? given : Float32Array.from(given);
  const across = new Float32Array(widthPixels * heightPixels);
  const shares = sharesOf(widthPixels, radius);
  const reach = Math.min(radius, widthPixels);
  for (let y = 0; y < heightPixels; y++) {
    const row = y * widthPixels;
    let sum = 0;
    for (let x = 0; x < reach; x++) {
      sum += plane[row + x];
    }
    for (let x = 0; x < widthPixels; x++) {
      if (x + radius < widthPixels) {
        sum += plane[row + x + radius];
      }
      if (x > radius) {
        sum -= plane[row + x - radius - 1];
      }
      across[row + x] = sum * shares[x];
    }
  }
  return columnMean(across, { heightPixels, widthPixels }, radius);
}

/** One over the number of places within `radius` of each of `size`. */
function sharesOf(size: number, radius: number): Float64Array {
  return Float64Array.from(
    { length: size },
    (_, at) => 1 / (Math.min(at + radius, size - 1) - Math.max(at - radius, 0) + 1),
  );
}

/** Row by row, for the cache: one running sum for each column. */
function columnMean(
  plane: Float32Array,
  { heightPixels, widthPixels }: Extent,
  radius: number,
): Float32Array {
  const result = new Float32Array(plane.length);
  const sums = new Float64Array(widthPixels);
  const shares = sharesOf(heightPixels, radius);
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
    const share = shares[y];
    for (let x = 0, at = y * widthPixels; x < widthPixels; x++, at++) {
      result[at] = sums[x] * share;
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
  return spreadBytes(mask, extent, { radius, value: 1 });
}

/** 1 where all pixels within `radius` (a square) are set; the border does not count as unset. */
export function eroded(mask: Uint8Array, extent: Extent, radius: number): Uint8Array {
  return spreadBytes(mask, extent, { radius, value: 0 });
}

/** The mask, which is 0 and 1, with `value` wherever a pixel within `radius` has it: along the rows, then along the columns. */
function spreadBytes(
  mask: Uint8Array,
  { heightPixels, widthPixels }: Extent,
  { radius, value }: { radius: number; value: 0 | 1 },
): Uint8Array {
  const other = 1 - value;
  const across = new Uint8Array(mask.length).fill(other);
  for (let y = 0; y < heightPixels; y++) {
    const row = y * widthPixels;
    let next = 0; // the first place that is not filled yet
    for (let x = 0; x < widthPixels; x++) {
      if (mask[row + x] === value) {
        const end = Math.min(widthPixels - 1, x + radius);
        for (next = Math.max(next, x - radius); next <= end; next++) {
          across[row + next] = value;
        }
      }
    }
  }
  const result = new Uint8Array(mask.length).fill(other);
  const last = new Int32Array(widthPixels).fill(-1 - 2 * radius); // the last row of each column with the value
  for (let y = 0; y < heightPixels + radius; y++) {
    const to = (y - radius) * widthPixels;
    for (let x = 0; x < widthPixels; x++) {
      if (y < heightPixels && across[y * widthPixels + x] === value) {
        last[x] = y;
      }
      if (y >= radius && last[x] >= y - 2 * radius) {
        result[to + x] = value;
      }
    }
  }
  return result;
}

/** What is left of a mask where nothing thinner than `2 radius + 1` counts. */
export function opened(mask: Uint8Array, extent: Extent, radius: number): Uint8Array {
  return dilated(eroded(mask, extent, radius), extent, radius);
}
