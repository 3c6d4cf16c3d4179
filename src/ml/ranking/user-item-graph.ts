/**
 * @file The user-item graph and LightGCN's propagation over it.
 *
 * X. He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", SIGIR 2020.
 * MICRO's text says LightGCN; its code normalizes differently, so there is one function for each, named by its formula.
 *
 * Notation: A is the adjacency `[V, V]` of V = M + N nodes, users first; D its diagonal of degrees; K layers.
 */
import { addScaled, type Matrix, matrix } from "../nn/shape.js";
import { type CsrMatrix, csrMatrix, type Entry, sparseProduct } from "../nn/sparse.js";

export type AdjacencyKind = "random-walk" | "symmetric";

/** The adjacency of a kind; `[V, V]`. */
export function userItemGraph(
  kind: AdjacencyKind,
  itemsOfUser: readonly Int32Array[],
  numItems: number,
): CsrMatrix {
  switch (kind) {
    case "random-walk":
      return randomWalkAdjacency(itemsOfUser, numItems);
    case "symmetric":
      return symmetricAdjacency(itemsOfUser, numItems);
  }
}

/** `D^(-1) (A + I)`, D the row sums of `A + I`: rows sum to 1 (MICRO's code). */
export function randomWalkAdjacency(
  itemsOfUser: readonly Int32Array[],
  numItems: number,
): CsrMatrix {
  const degrees = nodeDegrees(itemsOfUser, numItems);
  const entries = edges(itemsOfUser).map(([from, to]): Entry => [
    from,
    to,
    1 / (degrees[from] + 1),
  ]);
  degrees.forEach((degree, node) => entries.push([node, node, 1 / (degree + 1)]));
  return csrMatrix(entries, [degrees.length, degrees.length]);
}

/** `D^(-1/2) A D^(-1/2)` (LightGCN, eq. 7). */
export function symmetricAdjacency(
  itemsOfUser: readonly Int32Array[],
  numItems: number,
): CsrMatrix {
  const degrees = nodeDegrees(itemsOfUser, numItems);
  const entries = edges(itemsOfUser).map(([from, to]): Entry => [
    from,
    to,
    1 / Math.sqrt(degrees[from] * degrees[to]),
  ]);
  return csrMatrix(entries, [degrees.length, degrees.length]);
}

/** Each interaction both ways. */
function edges(itemsOfUser: readonly Int32Array[]): [from: number, to: number][] {
  const result: [number, number][] = [];
  itemsOfUser.forEach((items, user) => {
    for (const item of items) {
      result.push([user, itemsOfUser.length + item], [itemsOfUser.length + item, user]);
    }
  });
  return result;
}

function nodeDegrees(itemsOfUser: readonly Int32Array[], numItems: number): number[] {
  const degrees = new Array<number>(itemsOfUser.length + numItems).fill(0);
  for (const [from] of edges(itemsOfUser)) {
    degrees[from]++;
  }
  return degrees;
}

/**
 * The mean of the levels `X, ÂX, .., Â^K X`; `[V, D] -> [V, D]`. It is linear, so its gradient is the same function of
 * `Âᵀ` and the gradient at the result.
 */
export function propagated(adjacency: CsrMatrix, x: Matrix, numLayers: number): Matrix {
  // Horner's rule: X + Â (X + Â (X + ..)).
  let sum = x;
  for (let layer = 0; layer < numLayers; layer++) {
    const next = sparseProduct(adjacency, sum);
    addScaled(next.values, x.values, 1);
    sum = next;
  }
  const mean = matrix(x.shape);
  addScaled(mean.values, sum.values, 1 / (numLayers + 1));
  return mean;
}
