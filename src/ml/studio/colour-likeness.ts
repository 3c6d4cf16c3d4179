/**
 * @file Whose colours a pixel has: the subject's or the backdrop's, by their histograms. Where the backdrop is not plain no model of it
 * is known, but colours that are common on one side and rare on the other still tell.
 *
 * Shapes: H, W pixels. Colours are sRGB codes, 0..255.
 */
import { floatsOf } from "./planes.js";

/** Bins of each channel. */
const NUM_BINS = 16;
const NUM_COLOURS = NUM_BINS ** 3;
/** Share of a side that is too little to tell: a colour that neither side has gives 1/2. */
const LEAST_SHARE = 2e-4;

/**
 * How much of the two shares of a pixel's colour is the subject's; `[H, W]`, 0..1. 1/2 says nothing.
 *
 * @param pixels `[H, W, 3]`
 * @param isSubject pixels that are surely the subject; `[H, W]`
 * @param isBackdrop pixels that are surely not; `[H, W]`
 */
export function colourLikeness(
  pixels: Float32Array,
  isSubject: Uint8Array,
  isBackdrop: Uint8Array,
): Float32Array {
  const colours = coloursOf(pixels);
  const own = sharesOf(colours, isSubject);
  const other = sharesOf(colours, isBackdrop);
  const likeness = floatsOf(
    NUM_COLOURS,
    colour => (own[colour] + LEAST_SHARE / 2) / (own[colour] + other[colour] + LEAST_SHARE),
  );
  return floatsOf(colours.length, at => likeness[colours[at]]);
}

/** `[H, W, 3] -> [H, W]`, a number for each of the {@link NUM_COLOURS}. */
function coloursOf(pixels: Float32Array): Uint16Array {
  const colours = new Uint16Array(pixels.length / 3);
  const scale = NUM_BINS / 256;
  for (let at = 0, i = 0; at < colours.length; at++, i += 3) {
    const [r, g, b] = [pixels[i] * scale, pixels[i + 1] * scale, pixels[i + 2] * scale];
    colours[at] = ((r | 0) * NUM_BINS + (g | 0)) * NUM_BINS + (b | 0);
  }
  return colours;
}

/** The share of each colour among the marked pixels, spread a little to its neighbours. */
function sharesOf(colours: Uint16Array, marked: Uint8Array): Float32Array {
  let shares: Float32Array = new Float32Array(NUM_COLOURS);
  let count = 0;
  for (let at = 0; at < colours.length; at++) {
    if (marked[at] === 1) {
      shares[colours[at]]++;
      count++;
    }
  }
  for (const step of [1, NUM_BINS, NUM_BINS ** 2]) {
    const before = shares;
    shares = floatsOf(NUM_COLOURS, colour => {
      const bin = Math.floor(colour / step) % NUM_BINS;
      const lower = before[bin > 0 ? colour - step : colour];
      const upper = before[bin < NUM_BINS - 1 ? colour + step : colour];
      return (lower + 2 * before[colour] + upper) / 4;
    });
  }
  return shares.map(share => share / Math.max(1, count));
}
