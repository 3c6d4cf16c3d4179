/**
 * @file How true an image is to the original: colour, structure, edges, sharpness and size, inside the product's mask.
 *
 * Notation: `[H, W]` are the original's height and width. An image of another size is compared at the original's
 * (`fittedTo`). Y is BT.601 luma, 0..255.
 *
 * All pixels of the mask count for edges and sharpness. Colour and SSIM read a regular grid of about
 * {@link MAX_SAMPLES} pixels and windows, so their time does not grow with the image; a smaller image is read whole.
 */
import { type RgbImage } from "../nn/rgb-image.js";
import { ciede2000 } from "./ciede2000.js";
import { labOf } from "./lab-color.js";
import { fittedTo } from "./resized-rgb.js";

/** What is compared: the share of the product in each pixel, 0..255; `[H, W]`, of the original's size. */
export interface FidelityMask {
  alpha: Uint8Array;
  widthPixels: number;
  heightPixels: number;
}

export interface Fidelity {
  /** CIEDE2000 of the product's pixels before and after: mean and 95th percentile. 0 is the same. */
  colorMean: number;
  colorP95: number;
  /** SSIM of the product, -1..1; 1 is the same. Windows as in `ssim.ts`, with the weights of the mask's pixels alone. */
  ssim: number;
  /** Energy of the product's edges (squared Sobel gradients of Y), the image's over the original's. */
  edgeEnergy: number;
  /** Sharpness (variance of the Laplacian of Y), the image's over the original's. Below 1 the image is softer. */
  sharpness: number;
  /** The image's size over the original's, by the smaller of the two sides' ratios. */
  size: number;
}

/** A pixel of at least this alpha is the product alone: at the edge, product and backdrop mix, and may. */
const SOLID = 250;
/** A mask without many solid pixels is soft all over; then what is more product than backdrop counts. */
const HALF = 128;

const MAX_SAMPLES = 16_384;

/** Added to both energies of a ratio, in squared levels: rounding to 8 bits makes that much, and a flat image has none. */
const ROUNDING = 1;

const RADIUS = 5;
const WINDOW = windowWeights();
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/**
 * Measures an image against the original.
 *
 * @param mask null: the whole image is compared.
 * @throws Error when the mask is not of the original's size.
 */
export function fidelityOf(
  original: RgbImage,
  image: RgbImage,
  mask: FidelityMask | null,
): Fidelity {
  const { heightPixels: height, widthPixels: width } = original;
  if (mask && (mask.widthPixels !== width || mask.heightPixels !== height)) {
    throw new Error(
      `fidelityOf: expected a mask of ${width} x ${height}, got ${mask.widthPixels} x ${mask.heightPixels}`,
    );
  }
  const inside = mask ? insideOf(mask.alpha) : new Uint8Array(width * height).fill(1);
  const stride = strideFor(inside);
  const compared = fittedTo(image, original);
  const size = Math.min(image.widthPixels / width, image.heightPixels / height);
  const [before, after] = [lumaOf(original), lumaOf(compared)];
  const energiesBefore = energies(before, inside, width);
  const energiesAfter = energies(after, inside, width);
  return {
    ...colorDifference(original, compared, inside, stride),
    ssim: maskedSsim(before, after, inside, { width, stride }),
    edgeEnergy: ratio(energiesAfter.edges, energiesBefore.edges),
    sharpness: ratio(energiesAfter.sharpness, energiesBefore.sharpness),
    size,
  };
}

/** 1 inside the product, 0 outside; `[H, W]`. */
export function insideOf(alpha: Uint8Array): Uint8Array {
  let numSolid = 0;
  let numHalf = 0;
  for (const value of alpha) {
    numSolid += value >= SOLID ? 1 : 0;
    numHalf += value >= HALF ? 1 : 0;
  }
  const least = 2 * numSolid >= numHalf ? SOLID : HALF;
  return alpha.map(value => (value >= least ? 1 : 0));
}

function ratio(after: number, before: number): number {
  return (after + ROUNDING) / (before + ROUNDING);
}

/** `[H, W, 3] -> [H, W]`. */
function lumaOf({ pixels }: RgbImage): Float32Array {
  const luma = new Float32Array(pixels.length / 3);
  for (let i = 0, at = 0; i < luma.length; i++, at += 3) {
    luma[i] = 0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2];
  }
  return luma;
}

/** The distance of the grid's points. */
function strideFor(inside: Uint8Array): number {
  let count = 0;
  for (const flag of inside) {
    count += flag;
  }
  return Math.max(1, Math.round(Math.sqrt(count / MAX_SAMPLES)));
}

function colorDifference(a: RgbImage, b: RgbImage, inside: Uint8Array, stride: number) {
  const { heightPixels: height, widthPixels: width } = a;
  const differences: number[] = [];
  for (let y = 0; y < height; y += stride) {
    for (let x = 0; x < width; x += stride) {
      const at = y * width + x;
      if (inside[at] === 1) {
        differences.push(differenceAt(a.pixels, b.pixels, 3 * at));
      }
    }
  }
  if (differences.length === 0) {
    return { colorMean: 0, colorP95: 0 };
  }
  const sorted = Float64Array.from(differences).sort();
  const colorMean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return { colorMean, colorP95: sorted[Math.ceil(0.95 * sorted.length) - 1] };
}

function differenceAt(a: Uint8Array, b: Uint8Array, at: number): number {
  const isSame = a[at] === b[at] && a[at + 1] === b[at + 1] && a[at + 2] === b[at + 2];
  return isSame
    ? 0
    : ciede2000(labOf(a[at], a[at + 1], a[at + 2]), labOf(b[at], b[at + 1], b[at + 2]));
}

/** Mean squared gradient (Sobel / 8) and variance of the Laplacian, where the whole 3 x 3 is inside. */
function energies(luma: Float32Array, inside: Uint8Array, width: number) {
  const height = luma.length / width;
  const whole = wholeNeighbourhoods(inside, width);
  let count = 0;
  let edges = 0;
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * width + 1; i < (y + 1) * width - 1; i++) {
      if (whole[i] === 0) {
        continue;
      }
      const up = i - width;
      const down = i + width;
      const falling = luma[down + 1] - luma[up - 1];
      const rising = luma[up + 1] - luma[down - 1];
      const across = luma[i + 1] - luma[i - 1];
      const along = luma[down] - luma[up];
      const gradientX = (falling + rising + 2 * across) / 8;
      const gradientY = (falling - rising + 2 * along) / 8;
      const laplacian = luma[up] + luma[down] + luma[i - 1] + luma[i + 1] - 4 * luma[i];
      count++;
      edges += gradientX * gradientX + gradientY * gradientY;
      sum += laplacian;
      squares += laplacian * laplacian;
    }
  }
  const n = Math.max(1, count);
  return { edges: edges / n, sharpness: Math.max(0, squares / n - (sum / n) ** 2) };
}

/** 1 where the 3 x 3 around a pixel is inside; the image's border is not. `[H, W]`. */
function wholeNeighbourhoods(inside: Uint8Array, width: number): Uint8Array {
  const across = new Uint8Array(inside.length);
  for (let i = 1; i < inside.length - 1; i++) {
    across[i] = inside[i - 1] & inside[i] & inside[i + 1];
  }
  const whole = new Uint8Array(inside.length);
  for (let i = width; i < inside.length - width; i++) {
    whole[i] = across[i - width] & across[i] & across[i + width];
  }
  return whole;
}

/**
 * Mean SSIM of windows around the product's pixels. Pixels outside the product, or the image, have no weight, so a new
 * backdrop changes nothing. `[H, W] x 2 -> ` -1..1.
 */
function maskedSsim(
  x: Float32Array,
  y: Float32Array,
  inside: Uint8Array,
  { stride, width }: { stride: number; width: number },
): number {
  const height = x.length / width;
  let sum = 0;
  let count = 0;
  for (let row = 0; row < height; row += stride) {
    for (let column = 0; column < width; column += stride) {
      if (inside[row * width + column] === 1) {
        sum += windowSsim(x, y, inside, { width, height, row, column });
        count++;
      }
    }
  }
  return count === 0 ? 1 : sum / count;
}

/** SSIM, eq. (13) of Wang et al. (`ssim.ts`), of one window. */
function windowSsim(
  x: Float32Array,
  y: Float32Array,
  inside: Uint8Array,
  at: { width: number; height: number; row: number; column: number },
): number {
  const { column, height, row, width } = at;
  const [top, bottom] = [Math.max(0, row - RADIUS), Math.min(height - 1, row + RADIUS)];
  const [left, right] = [Math.max(0, column - RADIUS), Math.min(width - 1, column + RADIUS)];
  let total = 0;
  let mx = 0;
  let my = 0;
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let r = top; r <= bottom; r++) {
    const taps = (r - row + RADIUS) * (2 * RADIUS + 1) + RADIUS - column;
    for (let c = left; c <= right; c++) {
      const i = r * width + c;
      const weight = WINDOW[taps + c] * inside[i];
      const a = x[i];
      const b = y[i];
      total += weight;
      mx += weight * a;
      my += weight * b;
      xx += weight * a * a;
      yy += weight * b * b;
      xy += weight * a * b;
    }
  }
  mx /= total;
  my /= total;
  const covariance = xy / total - mx * my;
  const variances = xx / total - mx * mx + yy / total - my * my;
  return (
    ((2 * mx * my + C1) * (2 * covariance + C2)) / ((mx * mx + my * my + C1) * (variances + C2))
  );
}

/** Gaussian, 11 x 11, σ 1.5; sums to 1. */
function windowWeights(): Float32Array {
  const taps = Array.from({ length: 2 * RADIUS + 1 }, (_, i) =>
    Math.exp(-((i - RADIUS) ** 2) / (2 * 1.5 ** 2)),
  );
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  return Float32Array.from(taps.flatMap(down => taps.map(across => (down * across) / total ** 2)));
}
