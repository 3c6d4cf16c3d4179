/**
 * @file The user-item graph and LightGCN's propagation over it.
 *
 * X. He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", SIGIR 2020. MICRO's
 * text says LightGCN; its code normalizes differently, so each has a function, named by its formula.
 *
 * Notation: A is the adjacency `[V, V]` of V = M + N nodes, users first; D its diagonal of degrees; K layers.
 */
import { type Matrix, matrix } from "../nn/matrix.js";
import { simdPropagated } from "../nn/simd-kernels.js";
import { type CsrMatrix, csrFromPlaces, sparseProduct } from "../nn/sparse.js";

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
  const { from, to } = bothWays(interactions(itemsOfUser), itemsOfUser.length);
  const V = itemsOfUser.length + numItems;
  const degrees = nodeDegrees(from, V);
  const nodes = Int32Array.from({ length: V }, (_, node) => node);
  const rows = joined(from, nodes);
  return csrFromPlaces(
    {
      rows,
      columns: joined(to, nodes),
      values: Float32Array.from(rows, node => 1 / (degrees[node] + 1)),
    },
    [V, V],
  );
}

/** `D^(-1/2) A D^(-1/2)` (LightGCN, eq. 7). */
export function symmetricAdjacency(
  itemsOfUser: readonly Int32Array[],
  numItems: number,
): CsrMatrix {
  return symmetricAdjacencyOf(interactions(itemsOfUser), itemsOfUser.length, numItems);
}

/** Interactions as parallel arrays; `[E]` each. */
export interface Interactions {
  users: Int32Array;
  items: Int32Array;
}

/** All interactions by ascending user and item. */
export function interactions(itemsOfUser: readonly Int32Array[]): Interactions {
  const count = itemsOfUser.reduce((sum, items) => sum + items.length, 0);
  const result = { users: new Int32Array(count), items: new Int32Array(count) };
  let at = 0;
  itemsOfUser.forEach((items, user) => {
    result.users.fill(user, at, at + items.length);
    result.items.set(items, at);
    at += items.length;
  });
  return result;
}

/** `D^(-1/2) A D^(-1/2)` of some interactions, D their own degrees. */
export function symmetricAdjacencyOf(
  chosen: Interactions,
  numUsers: number,
  numItems: number,
): CsrMatrix {
  const { from, to } = bothWays(chosen, numUsers);
  const V = numUsers + numItems;
  const degrees = nodeDegrees(from, V);
  const values = Float32Array.from(
    from,
    (node, e) => 1 / Math.sqrt(degrees[node] * degrees[to[e]]),
  );
  return csrFromPlaces({ rows: from, columns: to, values }, [V, V]);
}

/** Each interaction as two directed edges. */
function bothWays({ users, items }: Interactions, numUsers: number) {
  const nodes = items.map(item => numUsers + item);
  return { from: joined(users, nodes), to: joined(nodes, users) };
}

function joined(a: Int32Array, b: Int32Array): Int32Array {
  const result = new Int32Array(a.length + b.length);
  result.set(a);
  result.set(b, a.length);
  return result;
}

function nodeDegrees(from: Int32Array, numNodes: number): Int32Array {
  const degrees = new Int32Array(numNodes);
  for (const node of from) {
    degrees[node]++;
  }
  return degrees;
}

/**
 * The mean of the levels `X, ÂX, .., Â^K X`; `[V, D] -> [V, D]`. Linear, so its gradient is the same function of `Âᵀ`
 * and the gradient at the result.
 *
 * @param result Written to; not x. Default: a new matrix.
 */
export function propagated(
  adjacency: CsrMatrix,
  x: Matrix,
  numLayers: number,
  result = matrix(x.shape),
): Matrix {
  if (numLayers === 0) {
    result.values.set(x.values);
    return result;
  }
  if (simdPropagated(adjacency, x, numLayers, result.values)) {
    return result;
  }
  // Horner's rule: X + Â (X + Â (X + ..)).
  let sum = x;
  for (let layer = 1; layer <= numLayers; layer++) {
    const next = sparseProduct(adjacency, sum, layer === numLayers ? result : undefined);
    const share = layer === numLayers ? 1 / (numLayers + 1) : 1;
    for (let at = 0; at < next.values.length; at++) {
      next.values[at] = share * (next.values[at] + x.values[at]);
    }
    sum = next;
  }
  return sum;
}
