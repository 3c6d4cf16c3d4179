/** @file Bilinear interpolation between the pixels of an image, pixel centres at halves. */
import { type RgbImage } from "./rgb-image.js";

/** The two source indices of a target index, and the weight of the second. */
export interface Tap {
  low: number;
  high: number;
  part: number;
}

/** The taps of `side` target indices among `size` source indices. */
export function tapsOf(size: number, side: number): Tap[] {
  return Array.from({ length: side }, (_, i) => {
    const place = Math.min(Math.max(((i + 0.5) * size) / side - 0.5, 0), size - 1);
    const low = Math.floor(place);
    return { low, high: Math.min(low + 1, size - 1), part: place - low };
  });
}

/** One channel interpolated between four pixels, 0 … 255, not rounded. */
export function blended(
  { pixels, widthPixels }: RgbImage,
  row: Tap,
  column: Tap,
  channel: number,
): number {
  const at = (y: number, x: number) => pixels[3 * (y * widthPixels + x) + channel];
  const between = (y: number) =>
    at(y, column.low) * (1 - column.part) + at(y, column.high) * column.part;
  return between(row.low) * (1 - row.part) + between(row.high) * row.part;
}
