/**
 * @file From the network's map of 320 x 320 to a mask of every pixel of the photograph.
 *
 * At working size (512) the map is corrected by colours where the backdrop is plain, and a guided filter gives it the edges of
 * the photograph. At full size the edge of a plain backdrop is a known mixture of two colours, so its alpha is solved for:
 * `C = alpha F + (1 - alpha) B` with B of the backdrop's model and F of the subject beside it.
 *
 * Shapes: H, W pixels of the photograph.
 */
import { type RgbImage } from "../nn/rgb-image.js";
import { type BackdropModel, backdropColoursAt, fitBackdrop } from "./backdrop-model.js";
import { boxMean, dilated, eroded } from "./box-filter.js";
import { applyGuided, guidedCoefficients } from "./guided-filter.js";
import {
  correctedMap,
  cutShare,
  Evidence,
  evidenceOf,
  nearBorder,
  surelyBackdrop,
} from "./mask-evidence.js";
import { bytesOf, floatsOf } from "./planes.js";
import { fromBorder } from "./regions.js";
import { type Extent, resized, sampled, within } from "./resample.js";
import { SALIENCY_EXTENT } from "./saliency-net.js";

/** Longest side at which maps are corrected and filtered. */
export const WORK_SIDE = 512;
/** Alpha below and above these becomes 0 and 1: noise of the estimate. */
const [SNAP_LOW, SNAP_HIGH] = [0.06, 0.93];
/** Colours of subject and backdrop nearer than this cannot be unmixed; from the second on they are trusted alone. */
const [NEAR_CODES, FAR_CODES] = [26, 70];

/** Share of the border of one colour from which on it stands for the whole backdrop. */
const PLAIN_BORDER = 0.88;

/** All that is known of a photograph at working size. */
export interface WorkMask {
  extent: Extent;
  /** `[h, w, 3]`, 0..255 */
  pixels: Float32Array;
  /** What the network says, 0..1. */
  saliency: Float32Array;
  /** After correction, 0..1. */
  subject: Float32Array;
  backdrop: BackdropModel | null;
  /** Of {@link evidenceOf}; null where the backdrop is not plain. */
  evidence: Uint8Array | null;
  /** Pixels that may be a part of the subject but are not in the mask, as a share of the subject. */
  missing: number;
}

/** @param map `[320, 320]`, 0..1 */
export function workMask(image: RgbImage, map: Float32Array): WorkMask {
  const extent = within(image, WORK_SIDE);
  const pixels = resized(image.pixels, image, extent, 3);
  const saliency = resized(map, SALIENCY_EXTENT, extent, 1);
  const sure = surelyBackdrop(saliency, extent);
  const whole = fitBackdrop(pixels, extent, sure);
  const border = whole?.isPlain ? null : fitBackdrop(pixels, extent, nearBorder(sure, extent));
  const backdrop = border?.isPlain && border.share >= PLAIN_BORDER ? border : whole;
  const found = backdrop?.isPlain ? evidenceOf(pixels, backdrop, extent) : null;
  const evidence = found && isCredible(found, saliency, extent) ? found : null;
  const subject = evidence ? correctedMap({ extent, saliency }, evidence) : saliency;
  const missing = evidence ? cutShare({ extent, saliency }, subject) : 0;
  return { extent, pixels, saliency, subject, backdrop, evidence, missing };
}

/** Of the subject that the network sees, the share that may reach the border unseen: more is a floor, not a strap. */
const MOST_UNSEEN = 0.3;

/** Whether the backdrop is plain as far as the border: what else reaches it must be mostly what the network sees. */
function isCredible(evidence: Uint8Array, saliency: Float32Array, extent: Extent): boolean {
  const others = bytesOf(evidence.length, at => (evidence[at] === Evidence.OBJECT ? 1 : 0));
  const reaching = fromBorder(others, extent);
  let [seen, unseen] = [0, 0];
  for (let at = 0; at < evidence.length; at++) {
    seen += saliency[at] > 0.5 ? 1 : 0;
    unseen += reaching[at] === 1 && saliency[at] < 0.1 ? 1 : 0;
  }
  return unseen <= MOST_UNSEEN * seen;
}

/** The share of the subject in each pixel, 0..255; `[H, W]`. */
export function refinedAlpha(image: RgbImage, work: WorkMask): Uint8Array {
  const { evidence, extent, pixels, subject } = work;
  const zone = resized(zonesOf(subject, extent, evidence ? 3 : 8), extent, image, 1);
  const alpha = bytesOf(zone.length, at => (zone[at] >= 0.999 ? 255 : 0));
  const places = placesBetween(zone);
  const guide = pixels.map(code => code / 255);
  const settings = evidence ? { radius: 2, epsilon: 2e-4 } : { radius: 13, epsilon: 2e-3 };
  const coefficients = guidedCoefficients(guide, subject, extent, settings);
  const guided = applyGuided(coefficients, extent, { places, image });
  const solved = evidence ? unmixed(guided, places, image, work) : guided;
  for (let n = 0; n < places.length; n++) {
    const value = solved[n];
    alpha[places[n]] = value > SNAP_HIGH ? 255 : value < SNAP_LOW ? 0 : Math.round(255 * value);
  }
  return alpha;
}

function placesBetween(zone: Float32Array): Int32Array {
  const places: number[] = [];
  for (let at = 0; at < zone.length; at++) {
    if (zone[at] > 0.001 && zone[at] < 0.999) {
      places.push(at);
    }
  }
  return Int32Array.from(places);
}

/** 1 surely inside, 0 surely outside, 0.5 between: within `radius` of the edge. */
function zonesOf(subject: Float32Array, extent: Extent, radius: number): Float32Array {
  const inside = bytesOf(subject.length, at => (subject[at] > 0.5 ? 1 : 0));
  const core = eroded(inside, extent, radius);
  const near = dilated(inside, extent, radius);
  return floatsOf(core.length, at => (core[at] === 1 ? 1 : near[at] === 1 ? 0.5 : 0));
}

/** Alpha solved for, where the colours of subject and backdrop differ enough; `[N]`. */
function unmixed(
  guided: Float32Array,
  places: Int32Array,
  image: RgbImage,
  work: WorkMask,
): Float32Array {
  const fronts = sampled(frontColours(work), [work.extent, image], 3, places);
  const backs = backdropColoursAt(work.backdrop!, image, places);
  const { pixels } = image;
  return floatsOf(places.length, n => {
    let [along, length] = [0, 0];
    for (let c = 0; c < 3; c++) {
      const span = fronts[3 * n + c] - backs[3 * n + c];
      along += (pixels[3 * places[n] + c] - backs[3 * n + c]) * span;
      length += span * span;
    }
    const trust = clamped((Math.sqrt(length) - NEAR_CODES) / (FAR_CODES - NEAR_CODES));
    return trust * clamped(along / Math.max(1, length)) + (1 - trust) * guided[n];
  });
}

function clamped(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** The subject's colours, spread outwards over its edge; `[h, w, 3]`. */
function frontColours({ extent, pixels, subject }: WorkMask): Float32Array {
  const inside = bytesOf(subject.length, at => (subject[at] > 0.5 ? 1 : 0));
  const core = eroded(inside, extent, 1);
  const near = spreadFrom(core, pixels, extent, 3);
  const far = spreadFrom(inside, pixels, extent, 6);
  const result = new Float32Array(pixels.length);
  for (let at = 0; at < core.length; at++) {
    const source = near.weight[at] > 0.01 ? near : far;
    for (let c = 0; c < 3; c++) {
      result[3 * at + c] =
        source.weight[at] > 0.001 ? source.sums[c][at] / source.weight[at] : pixels[3 * at + c];
    }
  }
  return result;
}

function spreadFrom(mask: Uint8Array, pixels: Float32Array, extent: Extent, radius: number) {
  const weight = boxMean(mask, extent, radius);
  const sums = [0, 1, 2].map(c =>
    boxMean(
      floatsOf(mask.length, at => (mask[at] === 1 ? pixels[3 * at + c] : 0)),
      extent,
      radius,
    ),
  );
  return { weight, sums };
}
