/** @file Which items a feature that is in no graph is nearest to: of another picture, or of a new item. */
import { dot, type Matrix, normalizedRows } from "../nn/shape.js";
import { topK } from "../nn/top-k.js";
import { itemScores } from "./vector-scores.js";

export interface Neighbour {
  index: number;
  /** Cosine, above 0. */
  similarity: number;
}

/** Unit rows of features, made once for each matrix: they cost as much as a search. */
const directions = new WeakMap<Matrix, Matrix>();

/**
 * For each feature `[F]` the rows of `features` `[N, F]` with the highest positive cosines, nearest first.
 *
 * @param count How many, at most.
 * @param except A row that is not asked for. Default: none.
 */
export function featureNeighbours(
  candidates: readonly Float32Array[],
  features: Matrix,
  count: number,
  except = -1,
): Neighbour[][] {
  const units = directionsOf(features);
  return candidates.map(candidate => {
    const products = itemScores(candidate, units);
    const length = Math.sqrt(dot(candidate, candidate));
    return topK(products, count, index => index === except || products[index] <= 0).map(index => ({
      index,
      similarity: products[index] / length,
    }));
  });
}

function directionsOf(features: Matrix): Matrix {
  let result = directions.get(features);
  if (!result) {
    result = normalizedRows(features);
    directions.set(features, result);
  }
  return result;
}
