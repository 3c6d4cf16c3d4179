/**
 * @file SSIM: similarity of two images in local brightness, contrast and structure.
 *
 * Z. Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 2004, eq. (13),
 * with the authors' window (Gaussian, 11 x 11, σ 1.5) and constants. https://doi.org/10.1109/TIP.2003.819861
 *
 * Notation: μ, σ² and σ_xy are Gaussian-weighted means, variances and covariance in the window around each pixel of
 * luma. As in the authors' code, windows that exceed the image are skipped.
 */
import { type RgbImage } from "../nn/rgb-image.js";
import { assertSameSize } from "./image-sizes.js";

const RADIUS = 5;
const SIGMA = 1.5;
const RANGE = 255;
const C1 = (0.01 * RANGE) ** 2;
const C2 = (0.03 * RANGE) ** 2;

/** -1 … 1; 1 for equal images. @throws Error for images of different sizes or smaller than the window. */
export function ssim(a: RgbImage, b: RgbImage): number {
  assertSameSize("ssim", a, b);
  const { heightPixels: height, widthPixels: width } = a;
  if (Math.min(width, height) < 2 * RADIUS + 1) {
    throw new Error(`ssim: expected at least 11 x 11 pixels, got ${width} x ${height}`);
  }
  const [x, y] = [lumaOf(a), lumaOf(b)];
  const smooth = (values: Float64Array) => smoothed(values, width, height);
  const [meanX, meanY] = [smooth(x), smooth(y)];
  const squareX = smooth(x.map(value => value ** 2));
  const squareY = smooth(y.map(value => value ** 2));
  const product = smooth(x.map((value, i) => value * y[i]));
  let sum = 0;
  for (let i = 0; i < meanX.length; i++) {
    const [mx, my] = [meanX[i], meanY[i]];
    const covariance = product[i] - mx * my;
    const variances = squareX[i] - mx ** 2 + squareY[i] - my ** 2;
    sum +=
      ((2 * mx * my + C1) * (2 * covariance + C2)) / ((mx ** 2 + my ** 2 + C1) * (variances + C2)); // eq. (13)
  }
  return sum / meanX.length;
}

/** BT.601 luma, 0 … 255; `[H, W, 3] -> [H, W]`. */
function lumaOf({ pixels }: RgbImage): Float64Array {
  return Float64Array.from(
    { length: pixels.length / 3 },
    (_, i) => 0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2],
  );
}

/** Gaussian means of whole windows; `[H, W] -> [H - 10, W - 10]`. */
function smoothed(values: Float64Array, width: number, height: number): Float64Array {
  const taps = Array.from({ length: 2 * RADIUS + 1 }, (_, i) =>
    Math.exp(-((i - RADIUS) ** 2) / (2 * SIGMA ** 2)),
  );
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  const [w, h] = [width - 2 * RADIUS, height - 2 * RADIUS];
  const across = new Float64Array(height * w);
  for (let i = 0; i < across.length; i++) {
    const start = Math.floor(i / w) * width + (i % w);
    taps.forEach((tap, k) => (across[i] += (tap / total) * values[start + k]));
  }
  const result = new Float64Array(h * w);
  for (let i = 0; i < result.length; i++) {
    taps.forEach((tap, k) => (result[i] += (tap / total) * across[i + k * w]));
  }
  return result;
}
