/**
 * @file The frame in which an image is sent to a generator that draws in some sizes only: the image in the middle, enlarged
 * or reduced without distortion, its edge pixels repeated outwards. What comes back is cropped and resized the same way.
 *
 * Shapes: H x W pixels of the image, h x w of the frame.
 */
import { type KeepMask } from "../diffusion/image-generator.js";
import { type RgbImage } from "../nn/rgb-image.js";
import { type Extent, resized } from "../studio/resample.js";

/** 8-bit pixels of 3 (RGB) or 4 (RGBA) channels, row by row. */
export interface Raster extends Extent {
  channels: 3 | 4;
  pixels: Uint8Array;
}

export interface EditFrame extends Extent {
  /** Where the image lies in the frame. */
  left: number;
  top: number;
  inner: Extent;
}

/** Sides of a frame that fits the image are multiples of this: latents of 8 pixels, patches of 2. */
const STEP = 16;
/** Longest side of a frame that fits the image. */
const MAX_SIDE = 1024;
/** Shortest side of one, for panoramas. */
const MIN_SIDE = 256;

/** The smallest frame of multiples of 16 around the image, its longest side 1,024 pixels. */
export function fittingFrame(image: Extent): EditFrame {
  const scale = MAX_SIDE / Math.max(image.widthPixels, image.heightPixels);
  const side = (pixels: number) => {
    const steps = Math.ceil((pixels * scale) / STEP);
    return Math.min(MAX_SIDE, Math.max(MIN_SIDE, steps * STEP));
  };
  return placed(image, {
    widthPixels: side(image.widthPixels),
    heightPixels: side(image.heightPixels),
  });
}

/** The frame of one of `sizes` (not empty) in which the image covers the greatest share; the first of equals. */
export function frameAmong(image: Extent, sizes: readonly Extent[]): EditFrame {
  const frames = sizes.map(size => placed(image, size));
  const share = ({ heightPixels, inner, widthPixels }: EditFrame) =>
    (inner.widthPixels * inner.heightPixels) / (widthPixels * heightPixels);
  return frames.reduce((best, frame) => (share(frame) > share(best) ? frame : best));
}

function placed(image: Extent, size: Extent): EditFrame {
  const scale = Math.min(
    size.widthPixels / image.widthPixels,
    size.heightPixels / image.heightPixels,
  );
  const inner = {
    widthPixels: scaledSide(image.widthPixels, scale, size.widthPixels),
    heightPixels: scaledSide(image.heightPixels, scale, size.heightPixels),
  };
  return {
    ...size,
    inner,
    left: Math.floor((size.widthPixels - inner.widthPixels) / 2),
    top: Math.floor((size.heightPixels - inner.heightPixels) / 2),
  };
}

function scaledSide(pixels: number, scale: number, max: number): number {
  return Math.min(max, Math.max(1, Math.round(pixels * scale)));
}

/** The image in its frame; `[H, W, 3] -> [h, w, 3]`. */
export function framedImage(image: RgbImage, frame: EditFrame): Raster {
  const inner = resized(image.pixels, image, frame.inner, 3);
  const pixels = new Uint8Array(3 * frame.widthPixels * frame.heightPixels);
  forEachPixel(frame, (at, x, y) => {
    const column = Math.min(Math.max(x - frame.left, 0), frame.inner.widthPixels - 1);
    const row = Math.min(Math.max(y - frame.top, 0), frame.inner.heightPixels - 1);
    const from = 3 * (row * frame.inner.widthPixels + column);
    for (let channel = 0; channel < 3; channel++) {
      pixels[3 * at + channel] = Math.round(inner[from + channel]);
    }
  });
  return { widthPixels: frame.widthPixels, heightPixels: frame.heightPixels, channels: 3, pixels };
}

/**
 * The mask in its frame, in both conventions at once: transparent where the image may change, as OpenAI reads it, and white
 * there on black, as servers read it that take the mask's brightness; `[H, W] -> [h, w, 4]`.
 */
export function framedMask(mask: KeepMask, frame: EditFrame): Raster {
  const inner = resized(mask.alpha, mask, frame.inner, 1);
  const pixels = new Uint8Array(4 * frame.widthPixels * frame.heightPixels);
  forEachPixel(frame, (at, x, y) => {
    const column = x - frame.left;
    const row = y - frame.top;
    const isInside =
      column >= 0 && row >= 0 && column < frame.inner.widthPixels && row < frame.inner.heightPixels;
    const isKept = isInside && inner[row * frame.inner.widthPixels + column] >= 127.5;
    pixels.set(isKept ? [0, 0, 0, 255] : [255, 255, 255, 0], 4 * at);
  });
  return { widthPixels: frame.widthPixels, heightPixels: frame.heightPixels, channels: 4, pixels };
}

/** The image's part of an answer, whatever the answer's scale, at the image's size. */
export function unframed(answer: RgbImage, frame: EditFrame, size: Extent): RgbImage {
  const scale = {
    x: answer.widthPixels / frame.widthPixels,
    y: answer.heightPixels / frame.heightPixels,
  };
  const left = Math.round(frame.left * scale.x);
  const top = Math.round(frame.top * scale.y);
  const inner = {
    widthPixels: scaledSide(frame.inner.widthPixels, scale.x, answer.widthPixels - left),
    heightPixels: scaledSide(frame.inner.heightPixels, scale.y, answer.heightPixels - top),
  };
  const cropped = new Uint8Array(3 * inner.widthPixels * inner.heightPixels);
  for (let row = 0; row < inner.heightPixels; row++) {
    const from = 3 * ((row + top) * answer.widthPixels + left);
    const length = 3 * inner.widthPixels;
    cropped.set(answer.pixels.subarray(from, from + length), row * length);
  }
  const { heightPixels, widthPixels } = size;
  const values = resized(cropped, inner, size, 3);
  return { widthPixels, heightPixels, pixels: Uint8Array.from(values, Math.round) };
}

/** Whether an answer has the frame's shape, whatever its scale. */
export function hasShapeOf(answer: Extent, frame: EditFrame): boolean {
  const shape = (of: Extent) => of.widthPixels / of.heightPixels;
  return Math.abs(shape(answer) / shape(frame) - 1) < SHAPE_TOLERANCE;
}

/** Servers round sides to multiples of 8 or 16. */
const SHAPE_TOLERANCE = 0.04;

function forEachPixel(frame: Extent, use: (at: number, x: number, y: number) => void): void {
  for (let y = 0; y < frame.heightPixels; y++) {
    for (let x = 0; x < frame.widthPixels; x++) {
      use(y * frame.widthPixels + x, x, y);
    }
  }
}
