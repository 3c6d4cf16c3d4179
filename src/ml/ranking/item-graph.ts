/**
 * @file Item graphs: similarity of items in one modality.
 *
 * J. Zhang et al., "Latent Structure Mining with Contrastive Modality Fusion for Multimedia Recommendation", TKDE 2023,
 * following the authors' code CRIPAC-DIG/MICRO.
 *
 * Notation (name here -> symbol)
 * - similarities   -> s_ij = cos(f_i, f_j), the `numNeighbours` highest of each row, including the item itself
 * - degree         -> d_i = Σ_j s_ij, the sum of row i
 * - normalized     -> d_i^(-1/2) s_ij d_j^(-1/2)
 *
 * Departure: similarities that are not positive are left out; the authors' code keeps them (and takes the root of a
 * negative degree). This also keeps items without the modality, whose features are zeros, out of the neighbours.
 *
 * Shapes: N items, F feature length.
 */
import {
  addScaled,
  type Matrix,
  normalizedRows,
  normalizedRowsGradientInto,
} from "../nn/matrix.js";
import {
  type CsrMatrix,
  csrFromPlaces,
  sparseProduct,
  transposed,
  weightedSum,
} from "../nn/sparse.js";
import type { DenseKernels } from "./dense-kernels.js";
import { nearestRows, type NeighbourSearch } from "./neighbour-search.js";

/** A k-NN graph before and after normalization, with the same positions. */
export interface ItemGraph {
  similarities: CsrMatrix;
  normalized: CsrMatrix;
  /** `[N]`; 0 for an item without neighbours. */
  degrees: Float32Array;
}

/** How an item's neighbours are found. */
export interface NeighbourOptions {
  /** Neighbours of an item, including itself. */
  numNeighbours: number;
  /** Default: `auto`. */
  neighbourSearch?: NeighbourSearch;
}

/** The nearest items of every item by cosine; `[N, F] -> [N, N]` sparse. */
export async function itemGraph(
  features: Matrix,
  { numNeighbours, neighbourSearch = "auto" }: NeighbourOptions,
  kernels: DenseKernels,
): Promise<ItemGraph> {
  const [N] = features.shape;
  const k = Math.min(numNeighbours, N);
  const found = await nearestRows(normalizedRows(features), k, neighbourSearch, kernels);
  const rows = new Int32Array(N * k);
  const columns = new Int32Array(N * k);
  const values = new Float32Array(N * k);
  let count = 0;
  for (let place = 0; place < found.indices.length; place++) {
    if (found.similarities[place] > 0) {
      rows[count] = Math.floor(place / k);
      columns[count] = found.indices[place];
      values[count++] = found.similarities[place];
    }
  }
  const places = {
    rows: rows.subarray(0, count),
    columns: columns.subarray(0, count),
    values: values.subarray(0, count),
  };
  return normalizedGraph(csrFromPlaces(places, [N, N]));
}

/** `d_i^(-1/2) s_ij d_j^(-1/2)` with row degrees. */
export function normalizedGraph(similarities: CsrMatrix): ItemGraph {
  const { shape, rowStarts, columns, values } = similarities;
  const degrees = new Float32Array(shape[0]);
  for (let i = 0; i < shape[0]; i++) {
    for (let e = rowStarts[i]; e < rowStarts[i + 1]; e++) {
      degrees[i] += values[e];
    }
  }
  const roots = degrees.map(inverseRoot);
  const normalized = new Float32Array(values.length);
  for (let i = 0; i < shape[0]; i++) {
    for (let e = rowStarts[i]; e < rowStarts[i + 1]; e++) {
      normalized[e] = roots[i] * values[e] * roots[columns[e]];
    }
  }
  return { similarities, normalized: { shape, rowStarts, columns, values: normalized }, degrees };
}

/** `degree^(-1/2)`; 0 for an item without neighbours. */
export function inverseRoot(degree: number): number {
  return degree > 0 ? 1 / Math.sqrt(degree) : 0;
}

/** `(1 - λ) learned + λ raw`, the graph of a modality; `rawWeight` is λ. */
export function mixedGraph(learned: CsrMatrix, raw: CsrMatrix, rawWeight: number): CsrMatrix {
  return weightedSum(
    [
      { matrix: learned, weight: 1 - rawWeight },
      { matrix: raw, weight: rawWeight },
    ],
    raw.shape,
  );
}

/**
 * The gradient at `features` when `E = A X` and A is their normalized graph: the set of neighbours is fixed, their
 * weights are not.
 *
 * @param embeddings X `[N, D]`.
 * @param dPropagated The gradient at E, `[N, D]`.
 * @returns `[N, F]`.
 */
export function itemGraphGradient(
  { similarities, degrees }: ItemGraph,
  features: Matrix,
  embeddings: Matrix,
  dPropagated: Matrix,
): Matrix {
  const [N] = features.shape;
  const { shape, rowStarts, columns, values } = similarities;
  const roots = degrees.map(inverseRoot);
  const dEdges = edgeDots(similarities, dPropagated, embeddings); // at d_i^(-1/2) s_ij d_j^(-1/2)
  const dRoots = new Float32Array(N);
  for (let i = 0; i < N; i++) {
    for (let e = rowStarts[i]; e < rowStarts[i + 1]; e++) {
      const j = columns[e];
      dRoots[i] += dEdges[e] * values[e] * roots[j];
      dRoots[j] += dEdges[e] * values[e] * roots[i];
    }
  }
  const dSimilarities = new Float32Array(values.length);
  for (let i = 0; i < N; i++) {
    const dDegree = -0.5 * dRoots[i] * roots[i] ** 3;
    for (let e = rowStarts[i]; e < rowStarts[i + 1]; e++) {
      dSimilarities[e] = dEdges[e] * roots[i] * roots[columns[e]] + dDegree;
    }
  }
  // s_ij = n_i · n_j: each of the two gets the other.
  const dGraph = { shape, rowStarts, columns, values: dSimilarities };
  const directions = normalizedRows(features);
  const dDirections = sparseProduct(dGraph, directions);
  addScaled(dDirections.values, sparseProduct(transposed(dGraph), directions).values, 1);
  normalizedRowsGradientInto(features, dDirections, dDirections);
  return dDirections;
}

/** `a_i · b_j` for every position (i, j) of a sparse matrix. */
function edgeDots({ shape, rowStarts, columns }: CsrMatrix, a: Matrix, b: Matrix): Float32Array {
  const D = a.shape[1];
  const result = new Float32Array(columns.length);
  for (let i = 0; i < shape[0]; i++) {
    for (let e = rowStarts[i]; e < rowStarts[i + 1]; e++) {
      let sum = 0;
      for (let atA = i * D, atB = columns[e] * D; atA < (i + 1) * D; atA++, atB++) {
        sum += a.values[atA] * b.values[atB];
      }
      result[e] = sum;
    }
  }
  return result;
}
