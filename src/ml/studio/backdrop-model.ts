/**
 * @file The backdrop of a photograph as if the product were absent: a smooth colour surface, quadratic in x and y, fitted to the
 * pixels outside the subject without their outliers (shadows, other objects).
 *
 * Shapes: H, W pixels. Colours are sRGB codes, 0..255. Places are -1..1 in both directions.
 */
import { bytesOf } from "./planes.js";
import { type Extent } from "./resample.js";

/** Terms 1, x, y, x², xy, y². */
const NUM_TERMS = 6;
/** Rounds of fitting; each drops what lies far from the last fit. */
const NUM_ROUNDS = 4;
/** Smaller distances from the fit are never outliers: JPEG noise. */
const NOISE_CODES = 5;
/** A backdrop is plain where at least this share of it lies near the surface ... */
const PLAIN_SHARE = 0.72;
/** ... with no more than this root-mean-square distance. Paper, a studio wall; not a floor or a sheet with folds. */
const PLAIN_SPREAD = 7;

export interface BackdropModel {
  /** Coefficients of red, green, blue: `[3, 6]`. */
  terms: Float64Array;
  /** Root-mean-square distance of the pixels near the surface, in codes. */
  spread: number;
  /** Share of the backdrop's pixels near the surface; a shadow of the surface's hue counts as near. */
  share: number;
  isPlain: boolean;
}

function termsAt(x: number, y: number, into: Float64Array): void {
  into[0] = 1;
  into[1] = x;
  into[2] = y;
  into[3] = x * x;
  into[4] = x * y;
  into[5] = y * y;
}

/** The surface's colour at each pixel; `[H, W, 3]`, clamped to 0..255. */
export function backdropColours(
  { terms }: BackdropModel,
  { heightPixels, widthPixels }: Extent,
): Float32Array {
  const result = new Float32Array(3 * widthPixels * heightPixels);
  for (let y = 0, at = 0; y < heightPixels; y++) {
    const v = (2 * y + 1) / heightPixels - 1;
    for (let c = 0; c < 3; c++) {
      const t = terms.subarray(c * NUM_TERMS, (c + 1) * NUM_TERMS);
      const [base, slope, bend] = [t[0] + t[2] * v + t[5] * v * v, t[1] + t[4] * v, t[3]];
      for (let x = 0, to = at + c; x < widthPixels; x++, to += 3) {
        const u = (2 * x + 1) / widthPixels - 1;
        const value = base + u * (slope + u * bend);
        result[to] = value < 0 ? 0 : value > 255 ? 255 : value;
      }
    }
    at += 3 * widthPixels;
  }
  return result;
}

/** The surface's colour at some places of an image: `N` places -> `[N, 3]`, clamped to 0..255. */
export function backdropColoursAt(
  { terms }: BackdropModel,
  extent: Extent,
  places: Int32Array,
): Float32Array {
  const rows = designOf(places, extent);
  const result = new Float32Array(3 * places.length);
  for (let n = 0; n < places.length; n++) {
    for (let c = 0; c < 3; c++) {
      result[3 * n + c] = colourAt(rows, n, terms, c);
    }
  }
  return result;
}

/**
 * Fits the surface to the pixels that `isBackdrop` marks; null with fewer than 60 of them.
 *
 * @param pixels `[H, W, 3]`
 * @param isBackdrop `[H, W]`
 */
export function fitBackdrop(
  pixels: ArrayLike<number>,
  extent: Extent,
  isBackdrop: Uint8Array,
): BackdropModel | null {
  const places = sampled(isBackdrop);
  if (places.length < 60) {
    return null;
  }
  const rows = designOf(places, extent);
  let inside: Uint8Array = new Uint8Array(places.length).fill(1);
  let terms: Float64Array = new Float64Array(3 * NUM_TERMS);
  let spread = 0;
  for (let round = 0; round < NUM_ROUNDS; round++) {
    terms = leastSquares(rows, places, pixels, inside);
    const distances = distancesOf(rows, places, pixels, terms);
    const near = distances.filter((_, i) => inside[i] === 1).sort();
    const limit = Math.max(NOISE_CODES, 2.5 * 1.48 * near[near.length >> 1]);
    inside = bytesOf(distances.length, at => (distances[at] <= limit ? 1 : 0));
    const kept = distances.filter((_, i) => inside[i] === 1);
    spread = Math.sqrt(kept.reduce((sum, d) => sum + d * d, 0) / Math.max(1, kept.length));
    if (kept.length < 30) {
      break;
    }
  }
  const share = nearShare(rows, places, pixels, { terms, spread });
  return { terms, spread, share, isPlain: share >= PLAIN_SHARE && spread <= PLAIN_SPREAD };
}

/** At most some thousand places, spread evenly. */
function sampled(mask: Uint8Array): Int32Array {
  const all: number[] = [];
  mask.forEach((set, at) => {
    if (set !== 0) {
      all.push(at);
    }
  });
  const step = Math.max(1, all.length / 6_000);
  return Int32Array.from(
    { length: Math.floor(all.length / step) },
    (_, i) => all[Math.floor(i * step)],
  );
}

/** `[N, 6]` */
function designOf(places: Int32Array, { heightPixels, widthPixels }: Extent): Float64Array {
  const rows = new Float64Array(places.length * NUM_TERMS);
  places.forEach((at, i) => {
    const x = (2 * (at % widthPixels) + 1) / widthPixels - 1;
    const y = (2 * Math.floor(at / widthPixels) + 1) / heightPixels - 1;
    termsAt(x, y, rows.subarray(i * NUM_TERMS));
  });
  return rows;
}

function leastSquares(
  rows: Float64Array,
  places: Int32Array,
  pixels: ArrayLike<number>,
  inside: Uint8Array,
): Float64Array {
  const n = NUM_TERMS;
  const normal = new Float64Array(n * n);
  const right = new Float64Array(3 * n);
  let count = 0;
  places.forEach((at, i) => {
    if (inside[i] === 0) {
      return;
    }
    count++;
    for (let j = 0; j < n; j++) {
      const value = rows[i * n + j];
      for (let k = 0; k < n; k++) {
        normal[j * n + k] += value * rows[i * n + k];
      }
      for (let c = 0; c < 3; c++) {
        right[c * n + j] += value * pixels[3 * at + c];
      }
    }
  });
  // A little shrinkage of slopes and bends: where pixels cover one side only, the other is not extrapolated wildly.
  for (let j = 1; j < n; j++) {
    normal[j * n + j] += 0.02 * count;
  }
  const terms = new Float64Array(3 * n);
  for (let c = 0; c < 3; c++) {
    terms.set(solved(normal, right.subarray(c * n, (c + 1) * n)), c * n);
  }
  return terms;
}

/** Gaussian elimination with pivots; the matrix is positive definite. */
function solved(matrix: Float64Array, right: Float64Array): Float64Array {
  const n = right.length;
  const a = Float64Array.from(matrix);
  const b = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    for (let row = i + 1; row < n; row++) {
      const factor = a[row * n + i] / a[i * n + i];
      for (let k = i; k < n; k++) {
        a[row * n + k] -= factor * a[i * n + k];
      }
      b[row] -= factor * b[i];
    }
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) {
      b[i] -= a[i * n + k] * b[k];
    }
    b[i] /= a[i * n + i];
  }
  return b;
}

function colourAt(rows: Float64Array, i: number, terms: Float64Array, c: number): number {
  let value = 0;
  for (let j = 0; j < NUM_TERMS; j++) {
    value += rows[i * NUM_TERMS + j] * terms[c * NUM_TERMS + j];
  }
  return Math.min(255, Math.max(0, value));
}

/** The greatest of the three channels' distances, in codes. */
function distancesOf(
  rows: Float64Array,
  places: Int32Array,
  pixels: ArrayLike<number>,
  terms: Float64Array,
): Float64Array {
  return Float64Array.from(places, (at, i) => {
    let distance = 0;
    for (let c = 0; c < 3; c++) {
      distance = Math.max(distance, Math.abs(pixels[3 * at + c] - colourAt(rows, i, terms, c)));
    }
    return distance;
  });
}

/** Near: within the noise, or a shadow, which is the surface's colour times 0.5..1. */
function nearShare(
  rows: Float64Array,
  places: Int32Array,
  pixels: ArrayLike<number>,
  { spread, terms }: Pick<BackdropModel, "spread" | "terms">,
): number {
  const limit = Math.max(2 * NOISE_CODES, 3 * spread);
  let near = 0;
  places.forEach((at, i) => {
    const colour = [0, 1, 2].map(c => colourAt(rows, i, terms, c));
    const own = [0, 1, 2].map(c => pixels[3 * at + c]);
    const light = dot3(own, colour) / Math.max(1, dot3(colour, colour));
    const shaded = Math.min(1, Math.max(0.5, light));
    const distance = Math.max(...own.map((value, c) => Math.abs(value - shaded * colour[c])));
    near += distance <= limit ? 1 : 0;
  });
  return near / places.length;
}

function dot3(a: readonly number[], b: readonly number[]): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
