/** @file Tiles many small images into one. */
import { decodeRgb, encodeGeneratedPng, encodePng } from "../../../db/image-codec.js";
import { type RgbImage } from "../../../ml/nn/rgb-image.js";

const GREY = 136;

/**
 * A PNG of the images row by row, each `side` pixels high and wide, without gaps; empty places are grey.
 *
 * @param options.generator Recorded in the file as its source.
 */
export async function contactSheet(
  images: readonly (RgbImage | null)[],
  { columns, generator, side }: { columns: number; side: number; generator: string },
): Promise<Buffer> {
  const numRows = Math.ceil(images.length / columns);
  const [widthPixels, heightPixels] = [columns * side, numRows * side];
  const pixels = new Uint8Array(3 * widthPixels * heightPixels).fill(GREY);
  for (const [n, image] of images.entries()) {
    if (!image) {
      continue;
    }
    const { pixels: own } = await scaleTo(image, side);
    const [row, column] = [Math.floor(n / columns), n % columns];
    for (let y = 0; y < side; y++) {
      const start = 3 * ((row * side + y) * widthPixels + column * side);
      pixels.set(own.subarray(3 * y * side, 3 * (y + 1) * side), start);
    }
  }
  return encodeGeneratedPng({ widthPixels, heightPixels, pixels }, generator);
}

async function scaleTo(image: RgbImage, side: number): Promise<RgbImage> {
  return image.widthPixels === side && image.heightPixels === side
    ? image
    : decodeRgb(await encodePng(image), { widthPixels: side, heightPixels: side });
}
