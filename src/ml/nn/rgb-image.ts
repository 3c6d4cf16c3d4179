/** @file The one in-process form of images. `db/image-codec.ts` decodes and encodes files. */

/** An 8-bit sRGB image without alpha; `pixels` is `[heightPixels, widthPixels, 3]`, row by row. */
export interface RgbImage {
  widthPixels: number;
  heightPixels: number;
  pixels: Uint8Array;
}
