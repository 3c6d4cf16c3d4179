/** @file Size check of metrics that compare two images. */
import { type RgbImage } from "../nn/rgb-image.js";

/** @throws Error unless both have the same width and height. */
export function assertSameSize(metric: string, a: RgbImage, b: RgbImage): void {
  if (a.widthPixels !== b.widthPixels || a.heightPixels !== b.heightPixels) {
    throw new Error(
      `${metric}: expected images of one size, got ${a.widthPixels} x ${a.heightPixels} and ${b.widthPixels} x ${b.heightPixels}`,
    );
  }
}
