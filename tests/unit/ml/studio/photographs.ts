/** @file Photographs made by the tests: a backdrop, and products of simple shapes with soft edges, grain and shadow. */
import { Random } from "../../../../src/ml/nn/random.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";

export type Colour = readonly [number, number, number];

/** Share of the product in the pixel at `(x, y)`, 0..1. */
export type Shape = (x: number, y: number) => number;

const ramp = (distance: number) => Math.min(1, Math.max(0, 0.5 - distance));

export const disc =
  (cx: number, cy: number, radius: number): Shape =>
  (x, y) =>
    ramp(Math.hypot(x - cx, y - cy) - radius);

export const box =
  (left: number, top: number, right: number, bottom: number): Shape =>
  (x, y) =>
    ramp(Math.max(left - x, x - right, top - y, y - bottom));

interface Layer {
  shape: Shape;
  colour: Colour | ((x: number, y: number) => Colour);
}

/** Layers over a backdrop, with grain of `noise` codes. */
export function photograph(
  widthPixels: number,
  heightPixels: number,
  {
    backdrop,
    layers,
    noise = 1.5,
    seed = 1,
  }: { backdrop: Layer["colour"]; layers: readonly Layer[]; noise?: number; seed?: number },
): RgbImage {
  const random = new Random(seed);
  const pixels = new Uint8Array(3 * widthPixels * heightPixels);
  const colourOf = (colour: Layer["colour"], x: number, y: number) =>
    typeof colour === "function" ? colour(x, y) : colour;
  for (let y = 0; y < heightPixels; y++) {
    for (let x = 0; x < widthPixels; x++) {
      const values = [...colourOf(backdrop, x, y)];
      for (const { colour, shape } of layers) {
        const share = shape(x, y);
        colourOf(colour, x, y).forEach((value, c) => {
          values[c] += share * (value - values[c]);
        });
      }
      values.forEach((value, c) => {
        const grained = Math.round(value + noise * random.normal());
        pixels[3 * (y * widthPixels + x) + c] = Math.min(255, Math.max(0, grained));
      });
    }
  }
  return { widthPixels, heightPixels, pixels };
}

/** The shape as a mask of 0 and 1. */
export function truth(widthPixels: number, heightPixels: number, shape: Shape): Uint8Array {
  return Uint8Array.from({ length: widthPixels * heightPixels }, (_, at) =>
    shape(at % widthPixels, Math.floor(at / widthPixels)) > 0.5 ? 1 : 0,
  );
}

/** Intersection over union of a mask of 0..255 and one of 0 and 1. */
export function overlap(alpha: Uint8Array, expected: Uint8Array): number {
  let [both, either] = [0, 0];
  alpha.forEach((value, at) => {
    const is = value > 127;
    const should = expected[at] === 1;
    both += is && should ? 1 : 0;
    either += is || should ? 1 : 0;
  });
  return both / either;
}
