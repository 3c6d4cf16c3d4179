/** @file A picture with a product in it, and its mask. */
import { decodeRgb, encodeRaster } from "../../../../src/db/image-codec.js";
import type { GenerateRequest, KeepMask } from "../../../../src/ml/diffusion/image-generator.js";
import type { RgbImage } from "../../../../src/ml/nn/rgb-image.js";
import type { RemoteCodec } from "../../../../src/ml/remote/remote-generator.js";

export const codec: RemoteCodec = { decode: bytes => decodeRgb(bytes), encodePng: encodeRaster };

export const WIDTH = 60;
export const HEIGHT = 40;
/** The product: a square of 20 pixels in the middle. */
const isProduct = (x: number, y: number) => x >= 20 && x < 40 && y >= 10 && y < 30;

const places = Array.from({ length: WIDTH * HEIGHT }, (_, i) => ({
  x: i % WIDTH,
  y: Math.floor(i / WIDTH),
}));

export const picture: RgbImage = {
  widthPixels: WIDTH,
  heightPixels: HEIGHT,
  pixels: Uint8Array.from(
    places.flatMap(({ x, y }) => (isProduct(x, y) ? [200, 40, 40] : [x, y, 250])),
  ),
};

export const mask: KeepMask = {
  widthPixels: WIDTH,
  heightPixels: HEIGHT,
  alpha: Uint8Array.from(places, ({ x, y }) => (isProduct(x, y) ? 255 : 0)),
};

export const request: GenerateRequest = {
  prompt: "a red mug, warm wood",
  seed: 5,
  numImages: 1,
  initImage: picture,
  mask,
};

export const pixelAt = ({ pixels, widthPixels }: RgbImage, x: number, y: number): number[] => {
  const at = 3 * (y * widthPixels + x);
  return [...pixels.subarray(at, at + 3)];
};
