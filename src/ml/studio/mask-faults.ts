/**
 * @file Why a mask cannot be trusted. With a fault the catalogue image stays: an image with a cut product is worse than none.
 *
 * Shapes: H, W pixels at working size.
 */
import { dilated, eroded } from "./box-filter.js";
import { Evidence } from "./mask-evidence.js";
import { bytesOf } from "./planes.js";
import { type WorkMask } from "./refine-mask.js";
import { regionsOf } from "./regions.js";
import { type Extent } from "./resample.js";

/** In the order in which they are looked for. */
export const maskFaults = [
  /** The shorter side is below {@link LEAST_SIDE}. */
  "IMAGE_TOO_SMALL",
  /** Nothing, or next to nothing, stands out. */
  "NO_SUBJECT",
  /** No backdrop to speak of is left. */
  "NO_BACKDROP",
  /** The image is several images side by side. */
  "COLLAGE",
  /** The subject falls into many pieces. */
  "FRAGMENTED",
  /** Much of the subject is neither in nor out: glass, smoke, hair. */
  "UNSURE",
  /** The product's own colours are the backdrop's: white on white. */
  "WEAK_EDGE",
  /** The backdrop shows through the product. */
  "SEE_THROUGH",
  /** A part of the product may be missing: beside the mask are its colours, or the network saw more. */
  "INCOMPLETE",
] as const;

export type MaskFault = (typeof maskFaults)[number];

/** Below this many pixels a mask of a thumbnail has no edge to speak of. */
export const LEAST_SIDE = 96;
const [LEAST_COVERAGE, MOST_COVERAGE] = [0.008, 0.96];
/** Share of the subject in all pieces but the largest twelve. */
const MOST_CRUMBS = 0.08;
const NUM_PIECES = 12;
/** Pixels with a map of 0.2..0.8, as a share of the subject, beyond what an edge of {@link EDGE_PIXELS} explains. */
const MOST_DOUBT = 0.3;
const EDGE_PIXELS = 5;
/** Share of the edge along which subject and backdrop differ by less than {@link LEAST_CONTRAST} codes. */
const MOST_WEAK_EDGE = 0.34;
const LEAST_CONTRAST = 11;
/** Share of the subject's inside with the backdrop's own colour or a shade of it, where the backdrop is plain. */
const MOST_BACKDROP_INSIDE = 0.3;
/** {@link WorkMask.missing} where the backdrop is plain: what colours took away from the network's subject; and elsewhere. */
const [MOST_CUT, MOST_MISSING] = [0.004, 0.01];
/** Share of a line's pixels that jump, where two images meet. */
const SEAM_SHARE = 0.93;
const SEAM_CODES = 14;

/** The first fault of a mask; null if there is none. */
export function maskFaultOf(work: WorkMask, image: Extent): MaskFault | null {
  const { extent, subject } = work;
  const inside = bytesOf(subject.length, at => (subject[at] > 0.5 ? 1 : 0));
  const area = inside.reduce((sum, set) => sum + set, 0);
  const coverage = area / inside.length;
  if (Math.min(image.widthPixels, image.heightPixels) < LEAST_SIDE) {
    return "IMAGE_TOO_SMALL";
  }
  if (coverage < LEAST_COVERAGE) {
    return "NO_SUBJECT";
  }
  if (coverage > MOST_COVERAGE) {
    return "NO_BACKDROP";
  }
  if (hasSeam(work.pixels, inside, extent)) {
    return "COLLAGE";
  }
  if (crumbs(inside, extent) > MOST_CRUMBS * area) {
    return "FRAGMENTED";
  }
  const edge = edgeOf(inside, extent);
  if (doubt(work, edge.length) > MOST_DOUBT * area) {
    return "UNSURE";
  }
  if (weakEdge(work, inside, edge) > MOST_WEAK_EDGE) {
    return "WEAK_EDGE";
  }
  if (backdropInside(work, inside) > MOST_BACKDROP_INSIDE) {
    return "SEE_THROUGH";
  }
  return work.missing > (work.evidence ? MOST_CUT : MOST_MISSING) ? "INCOMPLETE" : null;
}

/** Pixels in all pieces but the largest. */
function crumbs(inside: Uint8Array, extent: Extent): number {
  const [, ...sizes] = regionsOf(inside, extent).sizes;
  return sizes
    .sort((a, b) => b - a)
    .slice(NUM_PIECES)
    .reduce((sum, size) => sum + size, 0);
}

/** Pixels of the subject beside the backdrop, without those at the border of the image. */
function edgeOf(inside: Uint8Array, extent: Extent): number[] {
  const core = eroded(inside, extent, 1);
  const edge: number[] = [];
  inside.forEach((set, at) => {
    if (set === 1 && core[at] === 0) {
      edge.push(at);
    }
  });
  return edge;
}

/** Pixels that the network is unsure of, less those that an edge explains. */
function doubt({ evidence, saliency }: WorkMask, edgeLength: number): number {
  let unsure = 0;
  saliency.forEach((p, at) => {
    // Colours decide where the backdrop is plain: what differs from it is no doubt.
    if (p > 0.2 && p < 0.8 && evidence?.[at] !== Evidence.OBJECT) {
      unsure++;
    }
  });
  return unsure - EDGE_PIXELS * edgeLength;
}

/** The share of the edge without contrast between a little inside and a little outside. */
function weakEdge(
  { extent, pixels }: WorkMask,
  inside: Uint8Array,
  edge: readonly number[],
): number {
  const outside = dilated(inside, extent, 4);
  const beside = bytesOf(inside.length, at => (inside[at] === 0 && outside[at] === 1 ? 1 : 0));
  const inner = meanColours({ extent, pixels }, inside, edge);
  const outer = meanColours({ extent, pixels }, beside, edge);
  let [weak, count] = [0, 0];
  edge.forEach((_, i) => {
    const [a, b] = [inner[i], outer[i]];
    if (a && b) {
      count++;
      const contrast = Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) / Math.sqrt(3);
      weak += contrast < LEAST_CONTRAST ? 1 : 0;
    }
  });
  return count === 0 ? 1 : weak / count;
}

/** The mean colour of the marked pixels within 3 of each place; null where there is none. */
function meanColours(
  { extent: { heightPixels, widthPixels }, pixels }: Pick<WorkMask, "extent" | "pixels">,
  marked: Uint8Array,
  places: readonly number[],
): ([number, number, number] | null)[] {
  return places.map(place => {
    const [px, py] = [place % widthPixels, Math.floor(place / widthPixels)];
    const sum: [number, number, number] = [0, 0, 0];
    let count = 0;
    for (let y = Math.max(0, py - 3); y <= Math.min(heightPixels - 1, py + 3); y++) {
      for (let x = Math.max(0, px - 3); x <= Math.min(widthPixels - 1, px + 3); x++) {
        const at = y * widthPixels + x;
        if (marked[at] === 1) {
          count++;
          for (let c = 0; c < 3; c++) {
            sum[c] += pixels[3 * at + c];
          }
        }
      }
    }
    return count === 0 ? null : [sum[0] / count, sum[1] / count, sum[2] / count];
  });
}

function backdropInside({ evidence, extent }: WorkMask, inside: Uint8Array): number {
  if (!evidence) {
    return 0;
  }
  const core = eroded(inside, extent, 3);
  let [own, count] = [0, 0];
  core.forEach((set, at) => {
    if (set === 1) {
      count++;
      own += evidence[at] === Evidence.BACKDROP ? 1 : 0;
    }
  });
  return count === 0 ? 0 : own / count;
}

/** A straight jump of colour through the whole image and its subject, away from the border. */
function hasSeam(pixels: Float32Array, inside: Uint8Array, extent: Extent): boolean {
  const { heightPixels: height, widthPixels: width } = extent;
  const jumps = (a: number, b: number) =>
    Math.abs(pixels[3 * a] - pixels[3 * b]) > SEAM_CODES ||
    Math.abs(pixels[3 * a + 1] - pixels[3 * b + 1]) > SEAM_CODES ||
    Math.abs(pixels[3 * a + 2] - pixels[3 * b + 2]) > SEAM_CODES;
  const isSeam = (length: number, first: (i: number) => number, step: number) => {
    let [jumping, crossing] = [0, 0];
    for (let i = 0; i < length; i++) {
      const at = first(i);
      jumping += jumps(at - step, at + step) ? 1 : 0;
      crossing += inside[at] === 1 ? 1 : 0;
    }
    return jumping >= SEAM_SHARE * length && crossing >= 0.1 * length;
  };
  for (let x = Math.round(0.1 * width); x < 0.9 * width; x++) {
    if (isSeam(height, y => y * width + x, 1)) {
      return true;
    }
  }
  for (let y = Math.round(0.1 * height); y < 0.9 * height; y++) {
    if (isSeam(width, x => y * width + x, width)) {
      return true;
    }
  }
  return false;
}
