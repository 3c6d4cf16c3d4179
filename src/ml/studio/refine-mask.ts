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
import { type BackdropModel, backdropColours, fitBackdrop } from "./backdrop-model.js";
import { boxMean, dilated, eroded } from "./box-filter.js";
import { applyGuided, guidedCoefficients } from "./guided-filter.js";
import { correctedMap, Evidence, evidenceOf, surelyBackdrop } from "./mask-evidence.js";
import { type Extent, resized, within } from "./resample.js";
import { SALIENCY_EXTENT } from "./saliency-net.js";

/** Longest side at which maps are corrected and filtered. */
export const WORK_SIDE = 512;
/** Alpha below and above these becomes 0 and 1: noise of the estimate. */
const [SNAP_LOW, SNAP_HIGH] = [0.06, 0.93];
/** Colours of subject and backdrop nearer than this cannot be unmixed; from the second on they are trusted alone. */
const [NEAR_CODES, FAR_CODES] = [26, 70];

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
}

/** @param map `[320, 320]`, 0..1 */
export function workMask(image: RgbImage, map: Float32Array): WorkMask {
  const extent = within(image, WORK_SIDE);
  const pixels = resized(image.pixels, image, extent, 3);
  const saliency = resized(map, SALIENCY_EXTENT, extent, 1);
  const backdrop = fitBackdrop(pixels, extent, surelyBackdrop(saliency, extent));
  const found = backdrop?.isPlain ? evidenceOf(pixels, backdrop, extent) : null;
  const evidence = found && isCredible(found, saliency) ? found : null;
  const subject = evidence ? correctedMap(saliency, evidence, extent) : saliency;
  return { extent, pixels, saliency, subject, backdrop, evidence };
}

/** Of the subject that the network sees, the share that may lie where it sees nothing: more is a floor, not a strap. */
const MOST_UNSEEN = 0.3;

/** Whether what differs from the backdrop is mostly what the network sees. */
function isCredible(evidence: Uint8Array, saliency: Float32Array): boolean {
  let [seen, unseen] = [0, 0];
  evidence.forEach((kind, at) => {
    seen += saliency[at] > 0.5 ? 1 : 0;
    unseen += kind === Evidence.OBJECT && saliency[at] < 0.1 ? 1 : 0;
  });
  return unseen <= MOST_UNSEEN * seen;
}

/** The share of the subject in each pixel, 0..255; `[H, W]`. */
export function refinedAlpha(image: RgbImage, work: WorkMask): Uint8Array {
  const { extent, pixels, subject } = work;
  const guide = pixels.map(code => code / 255);
  const settings = work.evidence ? { radius: 2, epsilon: 2e-4 } : { radius: 5, epsilon: 4e-4 };
  const coefficients = guidedCoefficients(guide, subject, extent, settings);
  const alpha = applyGuided(coefficients, extent, image.pixels, image);
  const zones = zonesOf(subject, extent, work.evidence ? 3 : 8);
  const zone = resized(zones, extent, image, 1);
  if (work.evidence) {
    unmixEdges(alpha, zone, image, work);
  }
  return Uint8Array.from(alpha, (value, at) => {
    if (zone[at] >= 0.999 || value > SNAP_HIGH) {
      return zone[at] <= 0.001 ? 0 : 255;
    }
    return zone[at] <= 0.001 || value < SNAP_LOW ? 0 : Math.round(255 * value);
  });
}

/** 1 surely inside, 0 surely outside, 0.5 between: within `radius` of the edge. */
function zonesOf(subject: Float32Array, extent: Extent, radius: number): Float32Array {
  const inside = Uint8Array.from(subject, p => (p > 0.5 ? 1 : 0));
  const core = eroded(inside, extent, radius);
  const near = dilated(inside, extent, radius);
  return Float32Array.from(core, (set, at) => (set === 1 ? 1 : near[at] === 1 ? 0.5 : 0));
}

/** Solves for alpha near the edge, where the colours of subject and backdrop differ enough. */
function unmixEdges(
  alpha: Float32Array,
  zone: Float32Array,
  image: RgbImage,
  work: WorkMask,
): void {
  const { extent } = work;
  const fronts = resized(frontColours(work), extent, image, 3);
  const backs = backdropColours(work.backdrop!, image);
  const { pixels } = image;
  for (let at = 0, i = 0; at < alpha.length; at++, i += 3) {
    if (zone[at] <= 0.001 || zone[at] >= 0.999) {
      continue;
    }
    let [along, length] = [0, 0];
    for (let c = 0; c < 3; c++) {
      const span = fronts[i + c] - backs[i + c];
      along += (pixels[i + c] - backs[i + c]) * span;
      length += span * span;
    }
    const trust = Math.min(
      1,
      Math.max(0, (Math.sqrt(length) - NEAR_CODES) / (FAR_CODES - NEAR_CODES)),
    );
    const solved = Math.min(1, Math.max(0, along / Math.max(1, length)));
    alpha[at] = trust * solved + (1 - trust) * alpha[at];
  }
}

/** The subject's colours, spread outwards over its edge; `[h, w, 3]`. */
function frontColours({ extent, pixels, subject }: WorkMask): Float32Array {
  const inside = Uint8Array.from(subject, p => (p > 0.5 ? 1 : 0));
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
      Float32Array.from(mask, (set, at) => (set === 1 ? pixels[3 * at + c] : 0)),
      extent,
      radius,
    ),
  );
  return { weight, sums };
}
