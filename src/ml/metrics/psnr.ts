/** @file Peak signal-to-noise ratio of two images. */
import { type RgbImage } from "../nn/rgb-image.js";
import { assertSameSize } from "./image-sizes.js";

const PEAK = 255;

/** `10 log10(255² / MSE)` over all values of both, in dB; infinite for equal images. */
export function psnr(a: RgbImage, b: RgbImage): number {
  assertSameSize("psnr", a, b);
  const squares = a.pixels.reduce((sum, value, i) => sum + (value - b.pixels[i]) ** 2, 0);
  return 10 * Math.log10(PEAK ** 2 / (squares / a.pixels.length));
}
