/**
 * @file The product's own colour in the pixels that it shares with the old backdrop, so that no rim of the old backdrop stays.
 * Where the backdrop is plain it is known, and `F = (C - (1 - alpha) B) / alpha`; else B and F are means of the neighbours, as in
 * Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021.
 */
import { backdropColours } from "./backdrop-model.js";
import { boxMean } from "./box-filter.js";
import { type Extent, resized } from "./resample.js";
import { type Stage } from "./stage.js";

export interface EdgeColours {
  /** Places of the pixels with alpha 1..254. */
  places: Int32Array;
  /** Their product's colour as sRGB codes; `[N, 3]`. */
  fronts: Float32Array;
}

export function edgeColours(stage: Stage): EdgeColours {
  const { alpha, backdrop, extent, image } = stage;
  const found: number[] = [];
  alpha.forEach((value, at) => {
    if (value > 0 && value < 255) {
      found.push(at);
    }
  });
  const places = Int32Array.from(found);
  const front = resized(
    neighbours(stage, share => share),
    extent,
    image,
    3,
  );
  const back = backdrop?.isPlain
    ? backdropColours(backdrop, image)
    : resized(
        neighbours(stage, share => 1 - share),
        extent,
        image,
        3,
      );
  const fronts = new Float32Array(3 * places.length);
  places.forEach((at, n) => {
    const share = alpha[at] / 255;
    // An estimate divided by a small alpha is noise: there the neighbours say more.
    const trust = Math.min(1, share * 1.6);
    for (let c = 0; c < 3; c++) {
      const own = image.pixels[3 * at + c];
      const near = front[3 * at + c];
      const solved = backdrop?.isPlain
        ? (own - (1 - share) * back[3 * at + c]) / share
        : near + share * (own - share * near - (1 - share) * back[3 * at + c]);
      const value = trust * Math.min(255, Math.max(0, solved)) + (1 - trust) * near;
      fronts[3 * n + c] = value;
    }
  });
  return { places, fronts };
}

/** The mean colour near each pixel, by a weight of its alpha; `[h, w, 3]`. */
function neighbours(
  { extent, pixels, subject }: { extent: Extent; pixels: Float32Array; subject: Float32Array },
  weightOf: (share: number) => number,
): Float32Array {
  // To the fourth: pixels that are the product's alone count most.
  const weights = subject.map(share => weightOf(share) ** 4);
  const result = new Float32Array(pixels);
  for (const radius of [9, 3]) {
    const total = boxMean(weights, extent, radius);
    for (let c = 0; c < 3; c++) {
      const sums = boxMean(
        weights.map((weight, at) => weight * pixels[3 * at + c]),
        extent,
        radius,
      );
      sums.forEach((sum, at) => {
        if (total[at] > (radius === 3 ? 0.05 : 1e-3)) {
          result[3 * at + c] = sum / total[at];
        }
      });
    }
  }
  return result;
}
