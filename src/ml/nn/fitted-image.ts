/**
 * @file Moves a drawing on white paper to the centre and scales it to a style's usual size: styles fill their canvas to
 * different degrees, and a model that redraws in place cannot change that.
 *
 * Shapes: H x W pixels, `[H, W, 3]`.
 */
import { blended, type Tap, tapsOf } from "./bilinear.js";
import { type RgbImage } from "./rgb-image.js";

/** A pixel whose darkest channel is at least this is paper. */
const PAPER = 245;

interface Span {
  start: number;
  length: number;
}

/** The rows and columns with drawing; all of them for blank paper. */
export function drawnBox({ heightPixels, pixels, widthPixels }: RgbImage): {
  rows: Span;
  columns: Span;
} {
  let [top, bottom, left, right] = [heightPixels, -1, widthPixels, -1];
  for (let y = 0; y < heightPixels; y++) {
    for (let x = 0; x < widthPixels; x++) {
      const at = 3 * (y * widthPixels + x);
      if (Math.min(pixels[at], pixels[at + 1], pixels[at + 2]) < PAPER) {
        [top, bottom] = [Math.min(top, y), y];
        [left, right] = [Math.min(left, x), Math.max(right, x)];
      }
    }
  }
  return bottom < 0
    ? { rows: { start: 0, length: heightPixels }, columns: { start: 0, length: widthPixels } }
    : {
        rows: { start: top, length: bottom - top + 1 },
        columns: { start: left, length: right - left + 1 },
      };
}

/** An image of the same size with the drawing centred, its longer side `extentPixels` long; bilinear. */
export function fittedImage(image: RgbImage, extentPixels: number): RgbImage {
  const { heightPixels, widthPixels } = image;
  const { columns, rows } = drawnBox(image);
  const scale = extentPixels / Math.max(rows.length, columns.length);
  const down = placed(rows, scale, heightPixels);
  const across = placed(columns, scale, widthPixels);
  const pixels = new Uint8Array(image.pixels.length).fill(255);
  for (const [y, row] of down) {
    for (const [x, column] of across) {
      for (let channel = 0; channel < 3; channel++) {
        const value = blended(image, row, column, channel);
        pixels[3 * (y * widthPixels + x) + channel] = Math.round(value);
      }
    }
  }
  return { widthPixels, heightPixels, pixels };
}

/** The taps of each index of `size` within the scaled span. */
function placed({ length, start }: Span, scale: number, size: number): [number, Tap][] {
  const own = Math.min(size, Math.max(1, Math.round(length * scale)));
  const offset = Math.floor((size - own) / 2);
  return tapsOf(length, own).map(({ high, low, part }, i) => [
    offset + i,
    { low: start + low, high: start + high, part },
  ]);
}
