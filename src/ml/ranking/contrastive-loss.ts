/**
 * @file The contrastive loss between a modality's view of the items and the fused one (MICRO).
 *
 * ```
 * C(z1, z2) = mean_i -log[ e^{cos(z1ᵢ,z2ᵢ)/τ} / (Σⱼ e^{cos(z1ᵢ,z1ⱼ)/τ} + Σⱼ e^{cos(z1ᵢ,z2ⱼ)/τ} - e^{cos(z1ᵢ,z1ᵢ)/τ}) ]
 * ```
 *
 * `i` runs over the anchors, `j` over all items: with M of N anchors drawn at random the loss and its gradient are unbiased
 * and cost M/N. Tiles of anchors against all items; never N×N in memory.
 *
 * Shapes: N items, D embedding size, M anchors.
 */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import {
  addScaled,
  gatherRows,
  type Matrix,
  matrix,
  normalizedRowsGradientInto,
  normalizeRowsInto,
  row,
  rowRange,
} from "../nn/matrix.js";
import { Workspace } from "../nn/workspace.js";
import type { DenseKernels } from "./dense-kernels.js";

/** Similarities held at once: 16 MB. */
const TILE_VALUES = 4_194_304;
/** With fewer anchors per tile, adding up its results for all items costs more than the products. */
const MIN_TILE_ROWS = 64;

/** The views to compare with the fused one. */
export interface Contrast {
  /** z1 of each modality `[N, D]`. */
  views: readonly Matrix[];
  /** z2 `[N, D]`. */
  fused: Matrix;
  /** τ. */
  temperature: number;
  /** The items `i`, without repeats. */
  anchors: ArrayLike<number>;
  /** Anchors per tile. Default: as many as make 16 MB, at least 64. */
  tileRows?: number;
  /** Memory of the keys and `dFused`. Default: new. */
  workspace?: Workspace;
}

export interface ContrastiveLoss {
  /** Σ_m C(z1_m, z2). */
  loss: number;
  /** At z1 of each modality; `[N, D]` each. */
  dViews: Matrix[];
  /** At z2; `[N, D]`. */
  dFused: Matrix;
}

/** The loss and its gradient. */
export async function contrastiveLoss(
  { views, fused, workspace = new Workspace(), ...how }: Contrast,
  kernels: DenseKernels,
): Promise<ContrastiveLoss> {
  const [N, D] = fused.shape;
  const scale = 1 / (how.anchors.length * how.temperature);
  const keys = workspace.matrix("contrast keys", [2 * N, D]); // z1 / ||z1|| above z2 / ||z2||
  normalizeRowsInto(fused, keys.values.subarray(N * D));
  const dFused = workspace.zeros("contrast dFused", [N, D]); // at z2 / ||z2|| until the end, unscaled
  const result: ContrastiveLoss = { loss: 0, dViews: [], dFused };
  for (const view of views) {
    normalizeRowsInto(view, keys.values.subarray(0, N * D));
    const { loss, dKeys } = await compareViews(keys, how, kernels);
    result.loss += loss;
    const dView = rowRange(dKeys, 0, N);
    normalizedRowsGradientInto(view, dView, dView, scale);
    result.dViews.push(dView);
    addScaled(dFused.values, dKeys.values.subarray(N * D), 1);
  }
  normalizedRowsGradientInto(fused, dFused, dFused, scale);
  return result;
}

/** C of unit rows, and Mτ times its gradient at them; `[2N, D]`. */
async function compareViews(
  keys: Matrix,
  { temperature, anchors, ...how }: Omit<Contrast, "views" | "fused" | "workspace">,
  kernels: DenseKernels,
): Promise<{ loss: number; dKeys: Matrix }> {
  const N = keys.shape[0] / 2;
  const D = keys.shape[1];
  const M = anchors.length;
  const tileRows = how.tileRows ?? Math.max(MIN_TILE_ROWS, Math.floor(TILE_VALUES / (2 * N)));
  const chosen = gatherRows(keys, anchors);
  let loss = 0;
  let dKeys: Matrix | null = null;
  for (let start = 0; start < M; start += tileRows) {
    const end = Math.min(start + tileRows, M);
    const tile = rowRange(chosen, start, end);
    await yieldToEventLoop(); // a tile takes milliseconds, all of them may take seconds
    const { denominators, rowGradient, columnProduct } = await kernels.contrast(
      tile,
      keys,
      temperature,
    );
    if (dKeys) {
      addScaled(dKeys.values, columnProduct.values, 1);
    } else {
      dKeys = columnProduct;
    }
    const z = keys.values;
    const dz = dKeys.values;
    const dRow = rowGradient.values;
    for (let t = 0, at = 0; t < end - start; t++) {
      const first = anchors[start + t] * D; // z1ᵢ
      const second = first + N * D; // z2ᵢ
      let pair = 0;
      for (let d = 0; d < D; d++, at++) {
        const z1 = z[first + d];
        const z2 = z[second + d];
        pair += z1 * z2;
        dz[first + d] += dRow[at] - z2;
        dz[second + d] -= z1;
      }
      loss += Math.log(denominators[t]) - pair / temperature;
    }
  }
  return { loss: loss / M, dKeys: dKeys ?? matrix(keys.shape) };
}

/** The same with only `items` in the sums: `i` and `j` both range over them (`inBatch`). */
export async function contrastiveLossWithin(
  items: ArrayLike<number>,
  { views, fused, temperature }: Omit<Contrast, "anchors" | "workspace">,
  kernels: DenseKernels,
): Promise<ContrastiveLoss> {
  const within = await contrastiveLoss(
    {
      views: views.map(view => gatherRows(view, items)),
      fused: gatherRows(fused, items),
      temperature,
      anchors: Array.from({ length: items.length }, (_, i) => i),
    },
    kernels,
  );
  const scattered = (source: Matrix) => {
    const result = matrix(fused.shape);
    for (let i = 0; i < items.length; i++) {
      row(result, items[i]).set(row(source, i));
    }
    return result;
  };
  const { loss, dViews, dFused } = within;
  return { loss, dViews: dViews.map(scattered), dFused: scattered(dFused) };
}
