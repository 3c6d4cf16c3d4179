/** @file The one form in which pictures travel inside the process. Files are decoded and encoded in `db/image-codec.ts`. */

/** An 8-bit sRGB picture without alpha; `pixels` is `[heightPixels, widthPixels, 3]`, row by row. */
export interface RgbImage {
  widthPixels: number;
  heightPixels: number;
  pixels: Uint8Array;
}
