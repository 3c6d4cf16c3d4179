/** @file Images at another image's size, for comparison. */
import { type RgbImage } from "../nn/rgb-image.js";

export type Size = Pick<RgbImage, "heightPixels" | "widthPixels">;

/** The source pixels of each target pixel and their weights, which sum to 1; `count` each. */
interface Taps {
  count: number;
  first: Int32Array;
  weights: Float32Array;
}

/** Bilinear; where it shrinks, the triangle is as wide as the step, so nothing aliases (as Pillow's `BILINEAR`). */
export function resizedRgb(image: RgbImage, { heightPixels, widthPixels }: Size): RgbImage {
  const { heightPixels: height, pixels, widthPixels: width } = image;
  if (height === heightPixels && width === widthPixels) {
    return image;
  }
  const columns = tapsOf(width, widthPixels);
  const rows = tapsOf(height, heightPixels);
  const across = new Float32Array(height * widthPixels * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < widthPixels; x++) {
      let r = 0;
      let g = 0;
      let b = 0;
      for (let k = 0; k < columns.count; k++) {
        const weight = columns.weights[x * columns.count + k];
        const at = 3 * (y * width + Math.min(columns.first[x] + k, width - 1));
        r += weight * pixels[at];
        g += weight * pixels[at + 1];
        b += weight * pixels[at + 2];
      }
      const to = 3 * (y * widthPixels + x);
      across[to] = r;
      across[to + 1] = g;
      across[to + 2] = b;
    }
  }
  const result = new Uint8Array(heightPixels * widthPixels * 3);
  const rowLength = 3 * widthPixels;
  for (let y = 0; y < heightPixels; y++) {
    for (let i = 0; i < rowLength; i++) {
      let sum = 0.5; // rounds
      for (let k = 0; k < rows.count; k++) {
        const from = Math.min(rows.first[y] + k, height - 1);
        sum += rows.weights[y * rows.count + k] * across[from * rowLength + i];
      }
      result[y * rowLength + i] = sum;
    }
  }
  return { widthPixels, heightPixels, pixels: result };
}

/**
 * The image at the original's size. Of an image of other proportions, the part that shows the original: a generator of
 * square images gets the original in the middle of white borders (`decodeRgb`, "contain").
 */
export function fittedTo(image: RgbImage, original: Size): RgbImage {
  const { heightPixels, widthPixels } = image;
  const scale = Math.min(widthPixels / original.widthPixels, heightPixels / original.heightPixels);
  const width = Math.max(1, Math.round(original.widthPixels * scale));
  const height = Math.max(1, Math.round(original.heightPixels * scale));
  const isWhole = width === widthPixels && height === heightPixels;
  return resizedRgb(
    isWhole ? image : middle(image, { widthPixels: width, heightPixels: height }),
    original,
  );
}

/** A mask at the size of an image that shows the same, as {@link fittedTo} reads it back; nothing of white borders is kept. */
export function resizedAlpha(
  mask: Size & { alpha: Uint8Array },
  { heightPixels, widthPixels }: Size,
): Size & { alpha: Uint8Array } {
  if (widthPixels === mask.widthPixels && heightPixels === mask.heightPixels) {
    return mask;
  }
  const scale = Math.min(widthPixels / mask.widthPixels, heightPixels / mask.heightPixels);
  const width = Math.min(widthPixels, Math.max(1, Math.round(mask.widthPixels * scale)));
  const height = Math.min(heightPixels, Math.max(1, Math.round(mask.heightPixels * scale)));
  const pixels = new Uint8Array(3 * mask.alpha.length);
  mask.alpha.forEach((value, i) => pixels.fill(value, 3 * i, 3 * i + 3));
  const { heightPixels: rows, widthPixels: columns } = mask;
  const whole = { heightPixels: rows, widthPixels: columns, pixels };
  const small = resizedRgb(whole, { widthPixels: width, heightPixels: height });
  const left = Math.floor((widthPixels - width) / 2);
  const top = Math.floor((heightPixels - height) / 2);
  const alpha = new Uint8Array(widthPixels * heightPixels);
  for (let i = 0; i < width * height; i++) {
    const row = top + Math.floor(i / width);
    alpha[row * widthPixels + left + (i % width)] = small.pixels[3 * i];
  }
  return { widthPixels, heightPixels, alpha };
}

function middle(image: RgbImage, { heightPixels, widthPixels }: Size): RgbImage {
  const left = Math.floor((image.widthPixels - widthPixels) / 2);
  const top = Math.floor((image.heightPixels - heightPixels) / 2);
  const pixels = new Uint8Array(heightPixels * widthPixels * 3);
  for (let y = 0; y < heightPixels; y++) {
    const start = 3 * ((top + y) * image.widthPixels + left);
    pixels.set(image.pixels.subarray(start, start + 3 * widthPixels), 3 * y * widthPixels);
  }
  return { widthPixels, heightPixels, pixels };
}

function tapsOf(from: number, to: number): Taps {
  const step = from / to;
  const reach = Math.max(1, step);
  const count = Math.min(from, Math.ceil(2 * reach) + 1);
  const first = new Int32Array(to);
  const weights = new Float32Array(to * count);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * step - 0.5;
    const start = Math.min(Math.max(0, Math.ceil(centre - reach)), from - 1);
    first[i] = start;
    let total = 0;
    for (let k = 0; k < count && start + k < from; k++) {
      const weight = Math.max(0, 1 - Math.abs(start + k - centre) / reach);
      weights[i * count + k] = weight;
      total += weight;
    }
    for (let k = 0; k < count; k++) {
      weights[i * count + k] /= total;
    }
  }
  return { count, first, weights };
}
