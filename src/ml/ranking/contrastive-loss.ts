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
import {
  addNormalizedRowsGradient,
  addScaled,
  dot,
  gatherRows,
  type Matrix,
  matrix,
  normalizedRows,
  row,
  rowRange,
  stackRows,
} from "../nn/shape.js";
import type { DenseKernels } from "./dense-kernels.js";

/** Similarities held at once: 16 MB. */
const TILE_VALUES = 4_194_304;

export interface ContrastiveLoss {
  /** C(z1, z2). */
  loss: number;
  /** At z1 and z2; `[N, D]` each. */
  dFirst: Matrix;
  dSecond: Matrix;
}

/** The views to compare, and how. */
export interface Contrast {
  /** z1 `[N, D]`. */
  first: Matrix;
  /** z2 `[N, D]`. */
  second: Matrix;
  /** τ. */
  temperature: number;
  /** The items `i`, without repeats. */
  anchors: ArrayLike<number>;
}

/** The loss and its gradient, which share their products. */
export async function contrastiveLoss(
  { first, second, temperature, anchors }: Contrast,
  kernels: DenseKernels,
): Promise<ContrastiveLoss> {
  const [N, D] = first.shape;
  const M = anchors.length;
  const keys = stackRows(normalizedRows(first), normalizedRows(second)); // [2N, D]
  const dKeys = matrix([2 * N, D]);
  const scale = 1 / (M * temperature);
  let loss = 0;
  const tileRows = Math.max(1, Math.floor(TILE_VALUES / (2 * N)));
  const chosen = gatherRows(keys, anchors);
  for (let start = 0; start < M; start += tileRows) {
    const end = Math.min(start + tileRows, M);
    const tile = rowRange(chosen, start, end);
    const { denominators, rowProduct, columnProduct } = await kernels.contrast(
      tile,
      keys,
      temperature,
    );
    addScaled(dKeys.values, columnProduct.values, scale);
    for (let t = 0; t < end - start; t++) {
      const i = anchors[start + t];
      const z1 = row(keys, i);
      const z2 = row(keys, N + i);
      const own = Math.exp(dot(z1, z1) / temperature) / denominators[t];
      loss += Math.log(denominators[t]) - dot(z1, z2) / temperature;
      const dFirst = row(dKeys, i);
      addScaled(dFirst, row(rowProduct, t), scale / denominators[t]);
      addScaled(dFirst, z1, -2 * scale * own); // e^{cos(z1ᵢ,z1ᵢ)} is in both products, not in the loss
      addScaled(dFirst, z2, -scale);
      addScaled(row(dKeys, N + i), z1, -scale);
    }
  }
  const result = { loss: loss / M, dFirst: matrix([N, D]), dSecond: matrix([N, D]) };
  addNormalizedRowsGradient(first, rowRange(dKeys, 0, N), result.dFirst);
  addNormalizedRowsGradient(second, rowRange(dKeys, N, 2 * N), result.dSecond);
  return result;
}

/** The same with only `items` in the sums: `i` and `j` both run over them (`inBatch`). */
export async function contrastiveLossWithin(
  items: ArrayLike<number>,
  contrast: Omit<Contrast, "anchors">,
  kernels: DenseKernels,
): Promise<ContrastiveLoss> {
  const within = await contrastiveLoss(
    {
      ...contrast,
      first: gatherRows(contrast.first, items),
      second: gatherRows(contrast.second, items),
      anchors: Array.from({ length: items.length }, (_, i) => i),
    },
    kernels,
  );
  const result = {
    loss: within.loss,
    dFirst: matrix(contrast.first.shape),
    dSecond: matrix(contrast.second.shape),
  };
  for (let i = 0; i < items.length; i++) {
    row(result.dFirst, items[i]).set(row(within.dFirst, i));
    row(result.dSecond, items[i]).set(row(within.dSecond, i));
  }
  return result;
}
