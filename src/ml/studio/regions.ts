/** @file Connected regions of a mask, with four neighbours. Shapes: `[H, W]`. */
import { bytesOf } from "./planes.js";
import { type Extent } from "./resample.js";

export interface Regions {
  /** Number of the region of each pixel, from 1; 0 outside. */
  labels: Int32Array;
  /** Pixels of each region; index 0 is unused. */
  sizes: number[];
}

/** All regions of the pixels that are set. */
export function regionsOf(mask: Uint8Array, { heightPixels, widthPixels }: Extent): Regions {
  const labels = new Int32Array(mask.length);
  const sizes = [0];
  const stack = new Int32Array(mask.length);
  for (let seed = 0; seed < mask.length; seed++) {
    if (mask[seed] === 0 || labels[seed] !== 0) {
      continue;
    }
    const label = sizes.length;
    let depth = 0;
    let size = 0;
    const visit = (at: number) => {
      if (mask[at] !== 0 && labels[at] === 0) {
        labels[at] = label;
        stack[depth++] = at;
      }
    };
    visit(seed);
    while (depth > 0) {
      const at = stack[--depth];
      size++;
      const x = at % widthPixels;
      if (x > 0) {
        visit(at - 1);
      }
      if (x < widthPixels - 1) {
        visit(at + 1);
      }
      if (at >= widthPixels) {
        visit(at - widthPixels);
      }
      if (at < widthPixels * (heightPixels - 1)) {
        visit(at + widthPixels);
      }
    }
    sizes.push(size);
  }
  return { labels, sizes };
}

/** The pixels of the mask that are connected to the border of the image. */
export function fromBorder(mask: Uint8Array, extent: Extent): Uint8Array {
  const { heightPixels, widthPixels } = extent;
  const { labels, sizes } = regionsOf(mask, extent);
  const touching = new Uint8Array(sizes.length);
  for (let x = 0; x < widthPixels; x++) {
    touching[labels[x]] = 1;
    touching[labels[(heightPixels - 1) * widthPixels + x]] = 1;
  }
  for (let y = 0; y < heightPixels; y++) {
    touching[labels[y * widthPixels]] = 1;
    touching[labels[(y + 1) * widthPixels - 1]] = 1;
  }
  touching[0] = 0;
  return bytesOf(labels.length, at => touching[labels[at]]);
}
