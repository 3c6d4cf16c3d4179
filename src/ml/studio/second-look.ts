/**
 * @file A second look, mirrored, where the backdrop is not plain. The network misses sleeves and brims, and seldom the same ones in the
 * mirror image. Where the two looks differ, colours decide; what they leave open, and what has the subject's colours beside the mask,
 * may be a missing part.
 *
 * Shapes: H, W pixels at working size.
 */
import { boxMean, dilated, eroded, opened } from "./box-filter.js";
import { colourLikeness } from "./colour-likeness.js";
import { leastHalfWidth } from "./mask-evidence.js";
import { bytesOf, countOf, floatsOf } from "./planes.js";
import { type WorkMask } from "./refine-mask.js";
import { type Regions, regionsOf } from "./regions.js";
import { type Extent, resized } from "./resample.js";
import { SALIENCY_EXTENT } from "./saliency-net.js";

/** From this difference on the looks disagree. */
const DISAGREEMENT = 0.3;
/** Above and below these the subject, and the backdrop, are sure. */
const [SURE, ABSENT] = [0.7, 0.1];
/** Where one look says so much, the mask has the pixel. */
const UNDOUBTED = 0.8;
/** A region with more likeness to the subject's colours is the subject's, with less than the second the backdrop's. */
const [SUBJECT_LIKE, BACKDROP_LIKE] = [0.6, 0.35];
/** Least likeness of the pixels of a missing part, and its mean. */
const [PART_LIKE, MEAN_PART_LIKE] = [0.7, 0.78];
/**
 * A sleeve is joined at the shoulder, a shadow runs along the edge: most pixels of the mask's edge beside a part, as a multiple of the
 * root of the part's size.
 */
const MOST_CONTACT = 5;
/** Width of that edge, in pixels. */
const EDGE_WIDTH = 2;
/** The first round takes missing parts for backdrop; the second knows some of them. */
const NUM_ROUNDS = 2;
/**
 * The mask of both looks.
 *
 * @param map of the mirrored look, mirrored back; `[320, 320]`
 */
export function withSecondLook(work: WorkMask, map: Float32Array): WorkMask {
  const { extent, pixels, saliency: first } = work;
  const second = resized(map, SALIENCY_EXTENT, extent, 1);
  const most = floatsOf(first.length, at => Math.max(first[at], second[at]));
  const least = floatsOf(first.length, at => Math.min(first[at], second[at]));
  const sure = eroded(
    bytesOf(least.length, at => (least[at] > SURE ? 1 : 0)),
    extent,
    2,
  );
  const absent = bytesOf(most.length, at => (most[at] < ABSENT ? 1 : 0));
  const likeness = colourLikeness(pixels, sure, absent);
  const { open, subject } = settled({ extent, least, most }, likeness);
  const inside = bytesOf(subject.length, at => (subject[at] > 0.5 ? 1 : 0));
  const parts = unseenParts({ extent, inside, pixels, subject });
  const missing = (open + countOf(parts)) / Math.max(1, countOf(inside));
  return { ...work, saliency: subject, subject, missing };
}

/** The mean of the looks; where they disagree one of them, by the region's colours. `open` pixels stay undecided. */
function settled(
  { extent, least, most }: { extent: Extent; least: Float32Array; most: Float32Array },
  likeness: Float32Array,
): { subject: Float32Array; open: number } {
  const differing = bytesOf(most.length, at => (most[at] - least[at] > DISAGREEMENT ? 1 : 0));
  const { labels, sizes } = regionsOf(differing, extent);
  const core = eroded(differing, extent, leastHalfWidth(extent));
  const likes = new Float64Array(sizes.length);
  const isWide = new Uint8Array(sizes.length);
  labels.forEach((label, at) => {
    likes[label] += likeness[at];
    isWide[label] |= core[at];
  });
  let open = 0;
  const subject = floatsOf(most.length, at => {
    const label = labels[at];
    if (label === 0) {
      return (most[at] + least[at]) / 2;
    }
    const like = likes[label] / sizes[label];
    if (like < BACKDROP_LIKE) {
      return least[at];
    }
    open += like <= SUBJECT_LIKE && most[at] < UNDOUBTED ? isWide[label] : 0;
    return most[at];
  });
  return { subject, open };
}

/** Regions joined to the mask with the subject's colours. */
function unseenParts({
  extent,
  inside,
  pixels,
  subject,
}: Pick<WorkMask, "extent" | "pixels" | "subject"> & { inside: Uint8Array }): Uint8Array {
  const halfWidth = leastHalfWidth(extent);
  const sure = eroded(inside, extent, EDGE_WIDTH);
  const edge = dilated(inside, extent, 3);
  const reach = 2 * halfWidth + 2;
  const beside = dilated(inside, extent, reach);
  const border = bytesOf(inside.length, at => inside[at] - sure[at]);
  let parts: Uint8Array = new Uint8Array(inside.length);
  for (let round = 0; round < NUM_ROUNDS; round++) {
    const known = parts;
    const backdrop = bytesOf(inside.length, at =>
      subject[at] < ABSENT && edge[at] === 0 && known[at] === 0 ? 1 : 0,
    );
    const likeness = boxMean(colourLikeness(pixels, sure, backdrop), extent, 2);
    const like = bytesOf(inside.length, at =>
      inside[at] === 0 && likeness[at] > PART_LIKE ? 1 : 0,
    );
    const found = regionsOf(opened(like, extent, halfWidth), extent);
    const isKept =
      round < NUM_ROUNDS - 1
        ? touchedRegions(found, beside)
        : joinedRegions(found, { border, extent, likeness, reach });
    parts = bytesOf(inside.length, at => isKept[found.labels[at]]);
  }
  return parts;
}

/** 1 for each region that a mask touches. */
function touchedRegions({ labels, sizes }: Regions, mask: Uint8Array): Uint8Array {
  const isTouched = new Uint8Array(sizes.length);
  labels.forEach((label, at) => {
    isTouched[label] |= mask[at];
  });
  isTouched[0] = 0;
  return isTouched;
}

/** 1 for each region that is like the subject and meets its border at a narrow joint. */
function joinedRegions(
  { labels, sizes }: Regions,
  {
    border,
    extent: { heightPixels, widthPixels },
    likeness,
    reach,
  }: { border: Uint8Array; extent: Extent; likeness: Float32Array; reach: number },
): Uint8Array {
  const likes = new Float64Array(sizes.length);
  labels.forEach((label, at) => {
    likes[label] += likeness[at];
  });
  const contact = new Float64Array(sizes.length);
  const labelNear = (px: number, py: number) => {
    for (let y = Math.max(0, py - reach); y <= Math.min(heightPixels - 1, py + reach); y++) {
      for (let x = Math.max(0, px - reach); x <= Math.min(widthPixels - 1, px + reach); x++) {
        if (labels[y * widthPixels + x] !== 0) {
          return labels[y * widthPixels + x];
        }
      }
    }
    return 0;
  };
  border.forEach((set, at) => {
    if (set === 1) {
      contact[labelNear(at % widthPixels, Math.floor(at / widthPixels))]++;
    }
  });
  return bytesOf(sizes.length, label =>
    label > 0 &&
    contact[label] > 0 &&
    contact[label] <= MOST_CONTACT * Math.sqrt(sizes[label]) &&
    likes[label] >= MEAN_PART_LIKE * sizes[label]
      ? 1
      : 0,
  );
}
