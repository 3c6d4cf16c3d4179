/** @file The product in a photograph whose backdrop is white, by the white alone: the truth for subject masks. */
import type { RgbImage } from "../../../ml/nn/rgb-image.js";

/** Least level of each channel of the backdrop: encoding as JPEG leaves white at about 250. */
const LEAST_WHITE = 246;
/** An enclosed white area of at least this share of the image, such as between arm and body, is backdrop too. */
const LEAST_HOLE = 0.002;
/** Level of an enclosed area: a white product is rarely this bright throughout. */
const HOLE_WHITE = 252;
/** At least this share of the border must be white for the truth to be known. */
const LEAST_BORDER = 0.6;

/**
 * 1 for the product, 0 for the backdrop: white areas that reach the border, and large enclosed ones of pure white; `[H, W]`.
 * Null where the border is not white.
 */
export function productOnWhite({ heightPixels, pixels, widthPixels }: RgbImage): Uint8Array | null {
  const size = widthPixels * heightPixels;
  const brightness = Uint8Array.from({ length: size }, (_, i) =>
    Math.min(pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]),
  );
  const border = borderOf(widthPixels, heightPixels);
  const isWhite = (i: number) => brightness[i] >= LEAST_WHITE;
  if (border.filter(isWhite).length < LEAST_BORDER * border.length) {
    return null;
  }
  const product = new Uint8Array(size).fill(1);
  const seen = new Uint8Array(size);
  const fill = (starts: readonly number[], isIn: (i: number) => boolean) =>
    filled(starts, { isIn, seen, width: widthPixels, size });
  for (const i of fill(border, isWhite)) {
    product[i] = 0;
  }
  for (let i = 0; i < size; i++) {
    const area = seen[i] === 0 && isWhite(i) ? fill([i], isWhite) : [];
    const isPure = area.reduce((sum, at) => sum + brightness[at], 0) >= HOLE_WHITE * area.length;
    if (area.length >= LEAST_HOLE * size && isPure) {
      for (const at of area) {
        product[at] = 0;
      }
    }
  }
  return product;
}

/** Intersection over union of a mask, 0..255, and a truth of 0 and 1; 1 where both are empty. */
export function maskOverlap(alpha: Uint8Array, truth: Uint8Array): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < alpha.length; i++) {
    const isSubject = alpha[i] >= 128;
    both += isSubject && truth[i] === 1 ? 1 : 0;
    either += isSubject || truth[i] === 1 ? 1 : 0;
  }
  return either === 0 ? 1 : both / either;
}

function borderOf(width: number, height: number): number[] {
  const rows = Array.from({ length: width }, (_, x) => [x, (height - 1) * width + x]);
  const columns = Array.from({ length: height }, (_, y) => [y * width, y * width + width - 1]);
  return [...new Set([...rows, ...columns].flat())];
}

/** The pixels that `isIn` connects with the starts, each once; marks them as seen. */
function filled(
  starts: readonly number[],
  {
    isIn,
    seen,
    size,
    width,
  }: { isIn: (i: number) => boolean; seen: Uint8Array; width: number; size: number },
): number[] {
  const found: number[] = [];
  const take = (i: number) => {
    if (seen[i] === 0 && isIn(i)) {
      seen[i] = 1;
      found.push(i);
    }
  };
  starts.forEach(take);
  for (const i of found) {
    // `take` appends to what is iterated
    const x = i % width;
    if (x > 0) {
      take(i - 1);
    }
    if (x < width - 1) {
      take(i + 1);
    }
    if (i >= width) {
      take(i - width);
    }
    if (i + width < size) {
      take(i + width);
    }
  }
  return found;
}
