/**
 * @file The light that the product takes from its backdrop: its own shadow where the photograph has one, else one made from its
 * outline.
 *
 * Shapes: h, w pixels at working size.
 */
import { boxMean, softened } from "./box-filter.js";
import { type Extent } from "./resample.js";
import { type Setting } from "./setting.js";
import { type Stage } from "./stage.js";

/** Share of the light that reaches each pixel of the backdrop, 0..1; `[h, w]`. */
export function shadowLight(stage: Stage, { depth, kind, light }: Setting): Float32Array {
  const strength = 0.45 + 0.5 * depth;
  if (kind === "RESTAGE") {
    return new Float32Array(stage.subject.length).fill(1); // the backdrop still has its own
  }
  const own = stage.shadow.map(value => 1 - Math.min(1, 1.1 * strength) * (1 - value));
  const made = stage.hasShadow && stage.view === "STANDING" ? null : madeShadow(stage, light);
  return made ? own.map((value, at) => value * (1 - strength * made[at])) : own;
}

/** Darkness 0..1 of a synthesised shadow. */
function madeShadow(stage: Stage, light: number): Float32Array {
  const { extent, subject, view } = stage;
  const size = Math.max(extent.widthPixels, extent.heightPixels);
  switch (view) {
    case "CROPPED": {
      const wall = softened(
        moved(subject, extent, -0.035 * size * light, 0.02 * size),
        extent,
        0.07 * size,
      );
      return wall.map(dark => 0.26 * dark);
    }
    case "FLAT": {
      const near = softened(
        moved(subject, extent, -0.006 * size * light, 0.006 * size),
        extent,
        0.009 * size,
      );
      const far = softened(
        moved(subject, extent, -0.02 * size * light, 0.018 * size),
        extent,
        0.04 * size,
      );
      return near.map((dark, at) => 1 - (1 - 0.42 * dark) * (1 - 0.38 * far[at]));
    }
    case "STANDING":
    case "ROOM":
      return contactShadow(stage, size);
  }
}

/** A thin dark line where the product meets the floor, and a soft pool around it. */
function contactShadow({ bounds, extent, subject }: Stage, size: number): Float32Array {
  const { heightPixels: height, widthPixels: width } = extent;
  const reach = Math.max(2, 0.1 * (bounds.bottom - bounds.top));
  const touch = new Float32Array(subject.length);
  for (let x = bounds.left; x <= bounds.right; x++) {
    let y = bounds.bottom;
    while (y > bounds.top && subject[y * width + x] < 0.5) {
      y--;
    }
    const close = 1 - (bounds.bottom - y) / reach;
    for (let step = -2; step <= 2 && close > 0; step++) {
      const row = Math.min(height - 1, y + step);
      touch[row * width + x] = Math.max(touch[row * width + x], close);
    }
  }
  const tight = boxMean(boxMean(touch, extent, 2), extent, Math.max(2, Math.round(0.008 * size)));
  const pool = softened(touch, extent, 0.05 * size);
  return tight.map((dark, at) => Math.min(0.8, 0.75 * dark + 2.2 * pool[at]));
}

/** The plane moved by whole pixels; what comes in from outside is the nearest border. */
function moved(
  plane: Float32Array,
  { heightPixels, widthPixels }: Extent,
  right: number,
  down: number,
): Float32Array {
  const [dx, dy] = [Math.round(right), Math.round(down)];
  const clamp = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
  return plane.map((_, at) => {
    const x = clamp((at % widthPixels) - dx, widthPixels);
    const y = clamp(Math.floor(at / widthPixels) - dy, heightPixels);
    return plane[y * widthPixels + x];
  });
}
