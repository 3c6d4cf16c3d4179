/**
 * @file What colours say of each pixel where the backdrop is plain: is it the backdrop, its shadow, or something else? The
 * network's map is corrected by it: 320 pixels a side know no strap, and miss what is not salient.
 *
 * Shapes: H, W pixels at working size.
 */
import { type BackdropModel, backdropColours } from "./backdrop-model.js";
import { boxMean, dilated, eroded, opened } from "./box-filter.js";
import { bytesOf, countOf, floatsOf } from "./planes.js";
import { fromBorder, regionsOf } from "./regions.js";
import { type Extent } from "./resample.js";

/** What a pixel is by its colour alone. */
export const Evidence = { BACKDROP: 0, SHADE: 1, OBJECT: 2 } as const;

/** Codes within which a pixel has the backdrop's colour, at least. */
const LEAST_TOLERANCE = 9;
/** The least light of a shadow, as a share of the backdrop's. */
const DARKEST_SHADE = 0.4;
/** A faint reflection of the product beneath it takes some of its colour: codes of tint, and of the whole difference. */
const [TINT, FAINT] = [16, 48];
/** Below this value of the network's map, shade is backdrop. */
const SHADE_LIMIT = 0.7;
/** Objects that the network does not see count from this share of the image on; below, they are dust and JPEG noise. */
const LEAST_OBJECT = 1.2e-4;
/** Thinner strips are shades of an edge, as a share of the longest side. */
const LEAST_HALF_WIDTH = 0.006;
/** How far inside the network's subject backdrop colours may reach, as a share of the longest side: its edge is that wrong. */
const REACH = 0.022;

/** `[H, W]` of {@link Evidence}. */
export function evidenceOf(pixels: Float32Array, model: BackdropModel, extent: Extent): Uint8Array {
  const colours = backdropColours(model, extent);
  const tolerance = Math.max(LEAST_TOLERANCE, 3.2 * model.spread);
  const result = new Uint8Array(extent.widthPixels * extent.heightPixels);
  for (let at = 0, i = 0; at < result.length; at++, i += 3) {
    const [r, g, b] = [colours[i], colours[i + 1], colours[i + 2]];
    const [R, G, B] = [pixels[i], pixels[i + 1], pixels[i + 2]];
    const far = Math.max(Math.abs(R - r), Math.abs(G - g), Math.abs(B - b));
    if (far <= tolerance) {
      continue;
    }
    const light = (R * r + G * g + B * b) / Math.max(1, r * r + g * g + b * b);
    const shade = Math.min(1.04, light);
    const off = Math.max(Math.abs(R - shade * r), Math.abs(G - shade * g), Math.abs(B - shade * b));
    const isTinted = off <= tolerance + TINT && far <= FAINT;
    const isShade = off <= tolerance && light >= DARKEST_SHADE;
    result[at] = isShade || isTinted ? Evidence.SHADE : Evidence.OBJECT;
  }
  return result;
}

/**
 * The network's map, corrected on a plain backdrop: what has the backdrop's colour and leads to the border is backdrop, unless
 * it lies deep inside the subject; what the network does not see but has another colour is part of the subject, too: a second
 * product, a strap, a watermark. Nothing that is not the backdrop is ever removed.
 */
export function correctedMap(
  { extent, saliency }: { saliency: Float32Array; extent: Extent },
  evidence: Uint8Array,
): Float32Array {
  const reach = Math.max(2, Math.round(REACH * Math.max(extent.widthPixels, extent.heightPixels)));
  const inside = bytesOf(saliency.length, at => (saliency[at] > 0.5 ? 1 : 0));
  const core = eroded(inside, extent, reach);
  const open = bytesOf(evidence.length, at =>
    (evidence[at] === Evidence.BACKDROP && core[at] === 0) ||
    (evidence[at] === Evidence.SHADE && saliency[at] < SHADE_LIMIT && core[at] === 0)
      ? 1
      : 0,
  );
  const outside = fromBorder(open, extent);
  openHoles(outside, { saliency, evidence, extent });
  const objects = largeObjects(evidence, extent);
  return floatsOf(saliency.length, at =>
    outside[at] !== 0 ? 0 : objects[at] !== 0 || saliency[at] > 0.5 ? 1 : core[at] !== 0 ? 1 : 0,
  );
}

/** Enclosed backdrop, such as between arm and body: backdrop colours that the network is not sure of. */
function openHoles(
  outside: Uint8Array,
  { evidence, extent, saliency }: { saliency: Float32Array; evidence: Uint8Array; extent: Extent },
): void {
  const doubtful = bytesOf(evidence.length, at =>
    evidence[at] === Evidence.BACKDROP && saliency[at] < 0.6 ? 1 : 0,
  );
  const { labels, sizes } = regionsOf(doubtful, extent);
  const isWide = new Uint8Array(sizes.length); // a zip fastener is no gap
  eroded(doubtful, extent, 2).forEach((set, at) => {
    isWide[labels[at]] |= set;
  });
  labels.forEach((label, at) => {
    if (label !== 0 && isWide[label] === 1) {
      outside[at] = 1;
    }
  });
}

/** Pixels of other colours in regions large enough to be something. */
function largeObjects(evidence: Uint8Array, extent: Extent): Uint8Array {
  const isObject = bytesOf(evidence.length, at => (evidence[at] === Evidence.OBJECT ? 1 : 0));
  const { labels, sizes } = regionsOf(isObject, extent);
  const least = LEAST_OBJECT * evidence.length;
  return bytesOf(labels.length, at => (labels[at] !== 0 && sizes[labels[at]] >= least ? 1 : 0));
}

/** Half the width of the thinnest part of a product that counts, in pixels. */
export function leastHalfWidth({ heightPixels, widthPixels }: Extent): number {
  return Math.max(2, Math.round(LEAST_HALF_WIDTH * Math.max(widthPixels, heightPixels)));
}

/** What the network sees and colours took away, as a share of the subject: it has the backdrop's colour, as a white hem on white. */
export function cutShare(
  { extent, saliency }: { saliency: Float32Array; extent: Extent },
  subject: Float32Array,
): number {
  const cut = bytesOf(subject.length, at => (saliency[at] > 0.5 && subject[at] <= 0.5 ? 1 : 0));
  const numInside = countOf(bytesOf(subject.length, at => (subject[at] > 0.5 ? 1 : 0)));
  return countOf(opened(cut, extent, leastHalfWidth(extent))) / Math.max(1, numInside);
}

/** Pixels that are certainly backdrop, to fit its model to: far from all that the network half sees. */
export function surelyBackdrop(saliency: Float32Array, extent: Extent): Uint8Array {
  const seen = bytesOf(saliency.length, at => (saliency[at] > 0.2 ? 1 : 0));
  const near = dilated(seen, extent, 6);
  const means = boxMean(saliency, extent, 4);
  return bytesOf(near.length, at => (near[at] === 0 && means[at] < 0.12 ? 1 : 0));
}

/** The part of {@link surelyBackdrop} at the border of the image: where art on a box is large, the rest is not backdrop. */
export function nearBorder(sure: Uint8Array, { heightPixels, widthPixels }: Extent): Uint8Array {
  const reach = Math.round(0.05 * Math.min(widthPixels, heightPixels));
  return sure.map((set, at) => {
    const [x, y] = [at % widthPixels, Math.floor(at / widthPixels)];
    const isNear = Math.min(x, y, widthPixels - 1 - x, heightPixels - 1 - y) < reach;
    return isNear ? set : 0;
  });
}
