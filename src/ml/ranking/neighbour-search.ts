/**
 * @file The nearest items of every item: exactly, by clusters, or by HNSW. Memory is linear in the items for all of
 * them.
 *
 * - `exact`: tiles of rows against all rows; N² F multiplications in dense products.
 * - `clusters`: spherical k-means into C ~ √N clusters; a row is compared with the members of the clusters nearest to
 *   its own (an inverted file). About `N (C + probes N / C) F` multiplications, still in dense products: N² becomes
 *   N^(3/2).
 * - `hnsw`: Y. Malkov, D. Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
 *   Navigable Small World graphs", TPAMI 2020, by hnswlib-node, an optional package: one point at a time, on one thread.
 *   Equal rows become one point: many of them would fill up each other's edges and disconnect the graph.
 *
 * Shapes: N items, F feature length.
 */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import type * as Hnswlib from "hnswlib-node";
import {
  addScaled,
  gatherRows,
  type Matrix,
  matrix,
  normalizedRows,
  row,
  rowRange,
} from "../nn/matrix.js";
import type { DenseKernels, Neighbours } from "./dense-kernels.js";

/** `auto`: `exact` for at most {@link EXACT_PRODUCTS} multiplications, otherwise `clusters`. */
export type NeighbourSearch = "auto" | "exact" | "clusters" | "hnsw";

/** N² F from which clusters pay: 88,000 items of 64 features or 31,000 of 512, some seconds on one core; see docs/adr/0007. */
export const EXACT_PRODUCTS = 5e11;

/** Similarities held at once: 16 MB. */
const TILE_VALUES = 4_194_304;
const KMEANS_ROUNDS = 4;
/** Rows per cluster that k-means samples. */
const SAMPLES_PER_CLUSTER = 64;
/** Clusters compared with a row, including its own. */
const PROBES = 128;
const HNSW = { m: 16, efConstruction: 100, ef: 60, yieldEvery: 64 };

/** Null where the optional package is absent or not compiled. */
const hnswlib = ((): typeof Hnswlib | null => {
  try {
    return createRequire(import.meta.url)("hnswlib-node") as typeof Hnswlib;
  } catch {
    return null;
  }
})();

/**
 * The `k` rows with the highest dot products for each row, nearest first; `[N, k]`. Missing neighbours have index -1 and
 * similarity 0.
 *
 * @param directions Unit rows or zeros `[N, F]`.
 * @param search Falls back to `clusters` if not installed.
 */
export async function nearestRows(
  directions: Matrix,
  k: number,
  search: NeighbourSearch,
  kernels: DenseKernels,
): Promise<Neighbours> {
  const [N, F] = directions.shape;
  const automatic = N * N * F <= EXACT_PRODUCTS ? "exact" : "clusters";
  const chosen = search === "auto" ? automatic : search;
  if (chosen === "exact") {
    return exactly(directions, k, kernels);
  }
  if (chosen === "hnsw" && hnswlib) {
    return byHnsw(directions, k, hnswlib);
  }
  return byClusters(directions, k, kernels);
}

async function exactly(rows: Matrix, k: number, kernels: DenseKernels): Promise<Neighbours> {
  const [N] = rows.shape;
  const found = noNeighbours(N, k);
  const tileRows = Math.max(1, Math.floor(TILE_VALUES / N));
  for (let start = 0; start < N; start += tileRows) {
    const tile = rowRange(rows, start, Math.min(start + tileRows, N));
    const { indices, similarities } = await kernels.nearest(tile, rows, k);
    found.indices.set(indices, start * k);
    found.similarities.set(similarities, start * k);
    await yieldToEventLoop();
  }
  return found;
}

async function byClusters(rows: Matrix, k: number, kernels: DenseKernels): Promise<Neighbours> {
  const found = noNeighbours(rows.shape[0], k);
  const present = presentRows(rows);
  if (present.length === 0) {
    return found;
  }
  const centres = await kMeans(rows, present, kernels);
  const all = membersOf(await nearestCentres(rows, present, centres, kernels), present, centres);
  // Equal rows give equal centres, one of which has all members: empty clusters must not use up the probes.
  const used = Int32Array.from(all.keys()).filter(c => all[c].length > 0);
  const members = [...used].map(c => all[c]);
  const usedCentres = gatherRows(centres, used);
  const probes = Math.min(PROBES, members.length);
  const near = await nearestOf(usedCentres, usedCentres, probes, kernels);
  for (let c = 0; c < members.length; c++) {
    const candidates = concatenated(
      [...near.subarray(c * probes, (c + 1) * probes)].map(other => members[other]),
    ).sort(); // by index, so that ties are as in `exact`
    await compareMembers(rows, { queries: members[c], candidates, k }, found, kernels);
    await yieldToEventLoop();
  }
  return found;
}

/** Puts the nearest `candidates` of each query into `found`. */
async function compareMembers(
  rows: Matrix,
  { queries, candidates, k }: { queries: Int32Array; candidates: Int32Array; k: number },
  found: Neighbours,
  kernels: DenseKernels,
): Promise<void> {
  const keys = gatherRows(rows, candidates);
  const count = Math.min(k, candidates.length);
  const tileRows = Math.max(1, Math.floor(TILE_VALUES / candidates.length));
  for (let start = 0; start < queries.length; start += tileRows) {
    const tile = queries.subarray(start, start + tileRows);
    const { indices, similarities } = await kernels.nearest(gatherRows(rows, tile), keys, count);
    tile.forEach((item, t) => {
      for (let place = 0; place < count; place++) {
        found.indices[item * k + place] = candidates[indices[t * count + place]];
        found.similarities[item * k + place] = similarities[t * count + place];
      }
    });
  }
}

/** Unit centres `[C, F]` of about 4 √N clusters. */
async function kMeans(rows: Matrix, present: Int32Array, kernels: DenseKernels): Promise<Matrix> {
  const C = Math.max(1, Math.round(4 * Math.sqrt(present.length)));
  const sample = evenly(present, C * SAMPLES_PER_CLUSTER);
  let centres = gatherRows(rows, evenly(present, C));
  for (let round = 0; round < KMEANS_ROUNDS; round++) {
    const nearest = await nearestCentres(rows, sample, centres, kernels);
    const sums = matrix(centres.shape);
    sample.forEach((item, at) => addScaled(row(sums, nearest[at]), row(rows, item), 1));
    const next = normalizedRows(sums);
    for (let c = 0; c < C; c++) {
      if (row(next, c).every(value => value === 0)) {
        row(next, c).set(row(centres, c)); // an empty cluster keeps its centre
      }
    }
    centres = next;
  }
  return centres;
}

/** The nearest centre of each row. */
async function nearestCentres(
  rows: Matrix,
  items: Int32Array,
  centres: Matrix,
  kernels: DenseKernels,
): Promise<Int32Array> {
  const result = new Int32Array(items.length);
  const tileRows = Math.max(1, Math.floor(TILE_VALUES / centres.shape[0]));
  for (let start = 0; start < items.length; start += tileRows) {
    const tile = gatherRows(rows, items.subarray(start, start + tileRows));
    result.set((await kernels.nearest(tile, centres, 1)).indices, start);
    await yieldToEventLoop();
  }
  return result;
}

async function nearestOf(
  queries: Matrix,
  keys: Matrix,
  k: number,
  kernels: DenseKernels,
): Promise<Int32Array> {
  const [N] = queries.shape;
  const result = new Int32Array(N * k);
  const tileRows = Math.max(1, Math.floor(TILE_VALUES / keys.shape[0]));
  for (let start = 0; start < N; start += tileRows) {
    const tile = rowRange(queries, start, Math.min(start + tileRows, N));
    result.set((await kernels.nearest(tile, keys, k)).indices, start * k);
  }
  return result;
}

function membersOf(nearest: Int32Array, items: Int32Array, centres: Matrix): Int32Array[] {
  const members: number[][] = Array.from({ length: centres.shape[0] }, () => []);
  nearest.forEach((c, at) => members[c].push(items[at]));
  return members.map(list => Int32Array.from(list));
}

async function byHnsw(rows: Matrix, k: number, library: typeof Hnswlib): Promise<Neighbours> {
  const [N, F] = rows.shape;
  const found = noNeighbours(N, k);
  const present = presentRows(rows);
  const groups = equalRows(rows, present);
  const index = new library.HierarchicalNSW("ip", F);
  index.initIndex(Math.max(1, groups.length), HNSW.m, HNSW.efConstruction);
  for (const [label, [item]] of groups.entries()) {
    index.addPoint([...row(rows, item)], label);
    if (label % HNSW.yieldEvery === 0) {
      await yieldToEventLoop();
    }
  }
  index.setEf(Math.max(HNSW.ef, k));
  const count = Math.min(k, groups.length);
  for (const [label, items] of groups.entries()) {
    const { neighbors, distances } = index.searchKnn([...row(rows, items[0])], count);
    const nearest = neighbors
      .flatMap((other, n) =>
        groups[other].slice(0, k).map(item => ({ item, similarity: 1 - distances[n] })),
      )
      .sort((a, b) => b.similarity - a.similarity || a.item - b.item) // ties are as in `exact`
      .slice(0, k);
    for (const item of items) {
      nearest.forEach((neighbour, place) => {
        found.indices[item * k + place] = neighbour.item;
        found.similarities[item * k + place] = neighbour.similarity;
      });
    }
    if (label % HNSW.yieldEvery === 0) {
      await yieldToEventLoop();
    }
  }
  return found;
}

/** Groups of equal rows, each in ascending order. */
function equalRows(rows: Matrix, items: Int32Array): number[][] {
  const groups = new Map<string, number[]>();
  for (const item of items) {
    const { buffer, byteOffset, byteLength } = row(rows, item);
    const key = createHash("sha256")
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest("base64");
    const group = groups.get(key);
    if (group) {
      group.push(item);
    } else {
      groups.set(key, [item]);
    }
  }
  return [...groups.values()];
}

function noNeighbours(N: number, k: number): Neighbours {
  return { indices: new Int32Array(N * k).fill(-1), similarities: new Float32Array(N * k) };
}

/** Rows that are not zeros; zeros have no neighbours. */
function presentRows(rows: Matrix): Int32Array {
  const present: number[] = [];
  for (let i = 0; i < rows.shape[0]; i++) {
    if (row(rows, i).some(value => value !== 0)) {
      present.push(i);
    }
  }
  return Int32Array.from(present);
}

/** At most `count` of them, evenly spaced. */
function evenly(items: Int32Array, count: number): Int32Array {
  return count >= items.length
    ? items
    : Int32Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]);
}

function concatenated(parts: readonly Int32Array[]): Int32Array {
  const result = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
