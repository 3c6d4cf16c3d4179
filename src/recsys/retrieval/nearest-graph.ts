/**
 * @file The search structure of the caption index: hnswlib's graph where its native part is available, otherwise exact
 * search, which needs no compiler and is fast up to tens of thousands of items.
 */
import { createRequire } from "node:module";
import type * as Hnswlib from "hnswlib-node";
import { readLocal, withTemporaryFile, writeAtomically } from "../../db/local-files.js";
import { dot } from "../../ml/nn/cosine.js";
import { topK } from "../../ml/nn/top-k.js";

export const engines = ["hnsw", "exact"] as const;
export type Engine = (typeof engines)[number];

/** The used part of hnswlib's `HierarchicalNSW` in cosine space; distances are `1 - cosine`. */
export interface NearestGraph {
  initIndex(capacity: number, m: number, efConstruction: number): void;
  addPoint(point: number[], label: number): void;
  /** Of unit length. */
  getPoint(label: number): number[];
  markDelete(label: number): void;
  setEf(ef: number): void;
  /** The `k` nearest, nearest first; exact search adds ties with the last one. */
  searchKnn(
    point: number[],
    k: number,
    mayBeFound: (label: number) => boolean,
  ): { neighbors: number[]; distances: number[] };
  resizeIndex(capacity: number): void;
  getMaxElements(): number;
  /** Points added, including deleted ones. */
  getCurrentCount(): number;
  readIndex(path: string): Promise<unknown>;
  writeIndex(path: string): Promise<unknown>;
}

/** Null where the optional package is absent or not compiled. */
const hnswlib = ((): typeof Hnswlib | null => {
  try {
    return createRequire(import.meta.url)("hnswlib-node") as typeof Hnswlib;
  } catch {
    return null;
  }
})();

export const defaultEngine: Engine = hnswlib ? "hnsw" : "exact";

/** An empty graph; call `initIndex` or `readIndex` next. */
export function createNearestGraph(engine: Engine, dimension: number): NearestGraph {
  if (engine === "exact") {
    return new ExactGraph(dimension);
  }
  if (!hnswlib) {
    throw new Error("createNearestGraph: hnswlib-node is not installed");
  }
  return new hnswlib.HierarchicalNSW("cosine", dimension);
}

/** The file that `readIndex` reads. hnswlib can only write to a path. */
export function encodeGraph(graph: NearestGraph): Promise<Uint8Array> {
  return withTemporaryFile(async path => {
    await graph.writeIndex(path);
  });
}

/** Compares every point; labels are 0, 1, 2, … in insertion order. */
class ExactGraph implements NearestGraph {
  /** Unit vectors, row by row; `[count, D]`. */
  private points = new Float32Array(0);
  private count = 0;
  private readonly deleted = new Set<number>();

  constructor(private readonly dimension: number) {}

  initIndex(capacity: number): void {
    this.points = new Float32Array(capacity * this.dimension);
  }

  addPoint(point: number[], label: number): void {
    if (label !== this.count || label >= this.getMaxElements()) {
      throw new Error(`ExactGraph.addPoint: expected label ${this.count}, got ${label}`);
    }
    this.points.set(unit(point), label * this.dimension);
    this.count++;
  }

  getPoint(label: number): number[] {
    return Array.from(this.row(label));
  }

  markDelete(label: number): void {
    this.deleted.add(label);
  }

  setEf(): void {
    // nothing is approximate here
  }

  searchKnn(point: number[], k: number, mayBeFound: (label: number) => boolean) {
    const query = Float32Array.from(unit(point));
    const similarities = new Float32Array(this.count).fill(NaN); // topK never selects NaN
    for (let label = 0; label < this.count; label++) {
      if (!this.deleted.has(label) && mayBeFound(label)) {
        similarities[label] = dot(query, this.row(label));
      }
    }
    const best = topK(similarities, k);
    // Includes all ties with the last one: their order is the caller's decision.
    const last = similarities[best[best.length - 1]];
    const isChosen = new Set(best);
    const ties = Array.from(similarities.keys()).filter(
      label => similarities[label] === last && !isChosen.has(label),
    );
    const neighbors = [...best, ...ties];
    return { neighbors, distances: neighbors.map(label => 1 - similarities[label]) };
  }

  resizeIndex(capacity: number): void {
    const points = new Float32Array(capacity * this.dimension);
    points.set(this.points);
    this.points = points;
  }

  getMaxElements(): number {
    return this.points.length / this.dimension;
  }

  getCurrentCount(): number {
    return this.count;
  }

  /** Deleted points have no items in the stored labels. */
  async writeIndex(path: string): Promise<void> {
    const used = this.points.subarray(0, this.count * this.dimension);
    await writeAtomically(path, new Uint8Array(used.buffer, used.byteOffset, used.byteLength));
  }

  async readIndex(path: string): Promise<void> {
    const bytes = new Uint8Array(await readLocal(path));
    this.points = new Float32Array(bytes.buffer, 0, bytes.byteLength / 4);
    this.count = this.getMaxElements();
    if (!Number.isInteger(this.count)) {
      throw new Error(`ExactGraph.readIndex: '${path}' does not hold rows of ${this.dimension}`);
    }
  }

  private row(label: number): Float32Array {
    return this.points.subarray(label * this.dimension, (label + 1) * this.dimension);
  }
}

function unit(point: readonly number[]): number[] {
  const norm = Math.hypot(...point);
  return norm === 0 ? [...point] : point.map(x => x / norm);
}
