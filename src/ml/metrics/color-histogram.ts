/** @file The colour histogram of an image. */
import { type RgbImage } from "../nn/rgb-image.js";

/** Bins along each of red, green and blue. */
export const NUM_COLOR_BINS = 8;

/**
 * Square roots of the shares of 8 x 8 x 8 colours, so the squares sum to 1; `[512]`. Each pixel is interpolated between
 * the eight nearest bins, so a small change of colour changes little.
 */
export function colorHistogram({ pixels }: RgbImage): Float32Array {
  const bins = NUM_COLOR_BINS;
  const counts = new Float64Array(bins ** 3);
  for (let i = 0; i < pixels.length; i += 3) {
    const places = [0, 1, 2].map(channel => {
      const place = (pixels[i + channel] / 256) * bins - 0.5;
      return Math.min(Math.max(place, 0), bins - 1.001);
    });
    const [red, green, blue] = places.map(Math.floor);
    const [toRed, toGreen, toBlue] = places.map(place => place % 1);
    for (let corner = 0; corner < 8; corner++) {
      const [r, g, b] = [corner & 1, (corner >> 1) & 1, corner >> 2];
      const weight =
        (r ? toRed : 1 - toRed) * (g ? toGreen : 1 - toGreen) * (b ? toBlue : 1 - toBlue);
      counts[((red + r) * bins + green + g) * bins + blue + b] += weight;
    }
  }
  return Float32Array.from(counts, count => Math.sqrt(count / (pixels.length / 3)));
}
