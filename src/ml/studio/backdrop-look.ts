/**
 * @file What a photograph says of its shopper's taste in settings: the colour of its backdrop, or of its product where the backdrop is
 * bare. Measured without a model, so that a history is read in milliseconds an image.
 *
 * Shapes: H, W pixels, `[H, W, 3]`.
 */
import { type RgbImage } from "../nn/rgb-image.js";
import { LINEAR_OF_CODE, type Oklab, oklabOf } from "./oklab.js";
import { resized, within } from "./resample.js";

/** Changes with all that changes a look. Part of the identity of images that are made with it. */
export const LOOK_VERSION = "1";
/** Longest side at which looks are measured. */
export const LOOK_SIDE = 96;
/** Width of the border that shows the backdrop, as a share of the shorter side. */
const BORDER = 0.09;
/** Border pixels within this OKLab distance of its median are the backdrop's colour. */
const NEAR = 0.085;
/** Lighter and greyer than this the backdrop is paper: it says nothing of anybody's taste. */
const [PAPER_LIGHTNESS, PAPER_CHROMA] = [0.945, 0.018];

export interface BackdropLook {
  /** Median colour of the border in OKLab. */
  backdrop: Oklab;
  /** Share of the border with about that colour, 0..1. */
  share: number;
  /** Whether the backdrop is white paper, a packshot's. */
  isBare: boolean;
  /** Mean colour of what differs from the backdrop; the backdrop's where nothing does. */
  product: Oklab;
}

/** The look of a photograph, from its upper and side borders: the lower one is often the product's. */
export function backdropLook(image: RgbImage): BackdropLook {
  const extent = within(image, LOOK_SIDE);
  const { heightPixels: height, widthPixels: width } = extent;
  const small = resized(image.pixels, image, extent, 3);
  const colours = Array.from({ length: width * height }, (_, at) => colourAt(small, at));
  const reach = Math.max(1, Math.round(BORDER * Math.min(width, height)));
  const border = colours.filter((_, at) => {
    const [x, y] = [at % width, Math.floor(at / width)];
    return y < reach || ((x < reach || x >= width - reach) && y < 0.8 * height);
  });
  const backdrop = medianOf(border);
  const near = border.filter(colour => distance(colour, backdrop) < NEAR).length;
  const others = colours.filter(colour => distance(colour, backdrop) >= 1.5 * NEAR);
  const isBare =
    backdrop[0] > PAPER_LIGHTNESS && Math.hypot(backdrop[1], backdrop[2]) < PAPER_CHROMA;
  const product = others.length < 0.01 * colours.length ? backdrop : meanOf(others);
  return { backdrop, share: near / border.length, isBare, product };
}

function colourAt(codes: Float32Array, at: number): Oklab {
  const light = (c: number) =>
    LINEAR_OF_CODE[Math.min(255, Math.max(0, Math.round(codes[3 * at + c])))];
  return oklabOf([light(0), light(1), light(2)]);
}

function distance(a: Oklab, b: Oklab): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

function medianOf(colours: readonly Oklab[]): Oklab {
  const median = (c: number) =>
    colours.map(colour => colour[c]).sort((a, b) => a - b)[colours.length >> 1];
  return [median(0), median(1), median(2)];
}

function meanOf(colours: readonly Oklab[]): Oklab {
  const mean = (c: number) => colours.reduce((sum, colour) => sum + colour[c], 0) / colours.length;
  return [mean(0), mean(1), mean(2)];
}
