/**
 * @file A drawing on white paper, moved to the middle and scaled to the size that another hand would give it: hands fill their canvas
 * to different degrees, and a model that redraws what it sees in place cannot change that.
 *
 * Shapes: H x W pixels, `[H, W, 3]`.
 */
import { type RgbImage } from "./rgb-image.js";

/** A pixel whose darkest channel is at least this is paper. */
const PAPER = 245;

interface Span {
  start: number;
  length: number;
}

/** The rows and columns that are drawn on; all of them where nothing is. */
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

/** A picture of the same size with what is drawn in its middle, the longer side of that `extentPixels` long; bilinear. */
export function fittedImage(image: RgbImage, extentPixels: number): RgbImage {
  const { heightPixels, pixels, widthPixels } = image;
  const { columns, rows } = drawnBox(image);
  const scale = extentPixels / Math.max(rows.length, columns.length);
  const down = placed(rows, scale, heightPixels);
  const across = placed(columns, scale, widthPixels);
  const fitted = new Uint8Array(pixels.length).fill(255);
  for (const [y, { far: below, near: above, part: toBelow }] of down) {
    for (const [x, { far: right, near: left, part: toRight }] of across) {
      for (let channel = 0; channel < 3; channel++) {
        const at = (row: number, column: number) =>
          pixels[3 * (row * widthPixels + column) + channel];
        const upper = at(above, left) * (1 - toRight) + at(above, right) * toRight;
        const lower = at(below, left) * (1 - toRight) + at(below, right) * toRight;
        fitted[3 * (y * widthPixels + x) + channel] = Math.round(
          upper * (1 - toBelow) + lower * toBelow,
        );
      }
    }
  }
  return { widthPixels, heightPixels, pixels: fitted };
}

/** For each place of `size` that the scaled span comes to lie on: the two source places between which it looks, and how far. */
function placed({ length, start }: Span, scale: number, size: number) {
  const own = Math.min(size, Math.max(1, Math.round(length * scale)));
  const offset = Math.floor((size - own) / 2);
  return Array.from({ length: own }, (_, i) => {
    const place = Math.min(Math.max(((i + 0.5) * length) / own - 0.5, 0), length - 1);
    const near = start + Math.floor(place);
    const far = Math.min(near + 1, start + length - 1);
    return [offset + i, { near, far, part: place % 1 }] as const;
  });
}
