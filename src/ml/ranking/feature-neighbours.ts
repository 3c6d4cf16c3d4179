/** @file The nearest items of a feature that is not in the graph: another image's, or a new item's. */
import { dot, type Matrix, normalizedRows } from "../nn/matrix.js";
import { DotTable } from "../nn/simd-kernels.js";
import { topK } from "../nn/top-k.js";
import { itemScores } from "./vector-scores.js";

export interface Neighbour {
  index: number;
  /** Cosine, above 0. */
  similarity: number;
}

/** Dot products of candidates `[F]` with all rows; `[N]` each. */
type Products = (candidates: readonly Float32Array[]) => Float32Array[];

/** With unit rows of features, cached per matrix: they cost as much as a search. */
const tables = new WeakMap<Matrix, Products>();

/**
 * For each feature `[F]` the rows of `features` `[N, F]` with the highest positive cosines, nearest first.
 *
 * @param count At most this many.
 * @param except A row to leave out. Default: none.
 */
export function featureNeighbours(
  candidates: readonly Float32Array[],
  features: Matrix,
  count: number,
  except = -1,
): Neighbour[][] {
  return productsWith(features)(candidates).map((products, c) => {
    const length = Math.sqrt(dot(candidates[c], candidates[c]));
    return topK(products, count, index => index === except || products[index] <= 0).map(index => ({
      index,
      similarity: products[index] / length,
    }));
  });
}

function productsWith(features: Matrix): Products {
  let products = tables.get(features);
  if (!products) {
    const units = normalizedRows(features);
    const table = DotTable.fits(units) ? new DotTable(units) : null;
    products = candidates =>
      table?.dots(candidates) ?? candidates.map(candidate => itemScores(candidate, units));
    tables.set(features, products);
  }
  return products;
}
