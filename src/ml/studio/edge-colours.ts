/**
 * @file The product's own colour in the pixels that it shares with the old backdrop, so that no rim of the old backdrop stays.
 * Where the backdrop is plain it is known, and `F = (C - (1 - alpha) B) / alpha`; else B and F are means of the neighbours, as in
 * Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021.
 */
import { backdropColoursAt } from "./backdrop-model.js";
import { boxMean } from "./box-filter.js";
import { type Extent, sampled } from "./resample.js";
import { type Stage } from "./stage.js";

export interface EdgeColours {
  /** Places of the pixels with alpha 1..254. */
  places: Int32Array;
  /** Their product's colour as sRGB codes; `[N, 3]`. */
  fronts: Float32Array;
}

export function edgeColours(stage: Stage): EdgeColours {
  const { alpha, backdrop, extent, image } = stage;
  const places = edgePlaces(alpha);
  const near = sampled(
    neighbours(stage, share => share),
    [extent, image],
    3,
    places,
  );
  const back = backdrop?.isPlain
    ? backdropColoursAt(backdrop, image, places)
    : sampled(
        neighbours(stage, share => 1 - share),
        [extent, image],
        3,
        places,
      );
  const fronts = new Float32Array(3 * places.length);
  for (let n = 0, i = 0; n < places.length; n++) {
    const share = alpha[places[n]] / 255;
    // An estimate divided by a small alpha is noise: there the neighbours say more.
    const trust = Math.min(1, share * 1.6);
    for (let c = 0; c < 3; c++, i++) {
      const own = image.pixels[3 * places[n] + c];
      const solved = backdrop?.isPlain
        ? (own - (1 - share) * back[i]) / share
        : near[i] + share * (own - share * near[i] - (1 - share) * back[i]);
      fronts[i] = trust * Math.min(255, Math.max(0, solved)) + (1 - trust) * near[i];
    }
  }
  return { places, fronts };
}

function edgePlaces(alpha: Uint8Array): Int32Array {
  const places: number[] = [];
  for (let at = 0; at < alpha.length; at++) {
    if (alpha[at] > 0 && alpha[at] < 255) {
      places.push(at);
    }
  }
  return Int32Array.from(places);
}

/** The mean colour near each pixel, by a weight of its alpha; `[h, w, 3]`. */
function neighbours(
  { extent, pixels, subject }: { extent: Extent; pixels: Float32Array; subject: Float32Array },
  weightOf: (share: number) => number,
): Float32Array {
  const weights = new Float32Array(subject.length);
  for (let at = 0; at < weights.length; at++) {
    const square = weightOf(subject[at]) ** 2;
    weights[at] = square * square; // to the fourth: pixels that are the product's alone count most
  }
  const result = new Float32Array(pixels);
  const weighted = new Float32Array(weights.length);
  for (const radius of [9, 3]) {
    const total = boxMean(weights, extent, radius);
    const least = radius === 3 ? 0.05 : 1e-3;
    for (let c = 0; c < 3; c++) {
      for (let at = 0; at < weights.length; at++) {
        weighted[at] = weights[at] * pixels[3 * at + c];
      }
      const sums = boxMean(weighted, extent, radius);
      for (let at = 0; at < weights.length; at++) {
        if (total[at] > least) {
          result[3 * at + c] = sums[at] / total[at];
        }
      }
    }
  }
  return result;
}
