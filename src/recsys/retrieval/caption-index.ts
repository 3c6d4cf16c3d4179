/**
 * @file The caption embeddings of the whole catalogue, searched approximately (HNSW).
 *
 * Yu. A. Malkov, D. A. Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
 * Small World graphs", 2018. https://arxiv.org/abs/1603.09320
 *
 * hnswlib knows integer labels, a fixed capacity and distances; this knows items, grows, and gives similarities. A changed
 * item gets a new label and its old one is marked deleted; when most labels are deleted the graph is made anew.
 */
import { cosine } from "../../ml/nn/cosine.js";
import { topK } from "../../ml/nn/top-k.js";
import {
  createNearestGraph,
  defaultEngine,
  type Engine,
  type NearestGraph,
} from "./nearest-graph.js";

/** Edges of a node (the paper's M), and candidates looked at when inserting and when searching. */
export const M = 16;
export const EF_CONSTRUCTION = 200;
export const EF_SEARCH = 100;

const GROWTH = 1.5;
const MIN_CAPACITY = 1_024;
/** Longest time the event loop waits for insertions. */
const SLICE_MS = 10;
/** With fewer deleted labels a graph is not worth making anew. */
const MIN_DELETED = 1_000;

export interface IndexedItem {
  itemId: string;
  /** `[D]`, of any length but 0. */
  vector: Float32Array;
  /** Tells whether the item's caption has changed since. */
  sourceHash: string;
}

export interface SimilarItem {
  itemId: string;
  /** Cosine, -1..1. */
  similarity: number;
}

export interface SearchOptions {
  /** Items left out. */
  exclude?: ReadonlySet<string>;
  /** Whether an item may be found; default all. */
  filter?: (itemId: string) => boolean;
}

/** What an index is made of: stored by `caption-index-files.ts`. */
export interface IndexParts {
  graph: NearestGraph;
  /** Item of each label in the graph, null for a deleted one. */
  labels: readonly (readonly [itemId: string, sourceHash: string] | null)[];
}

/** Changes must not run at the same time; searches may run while one waits. */
export class CaptionIndex {
  private graph: NearestGraph;
  private itemOf: (string | null)[] = [];
  private entryOf = new Map<string, { label: number; sourceHash: string }>();

  constructor(
    readonly dimension: number,
    parts?: IndexParts,
    readonly engine: Engine = defaultEngine,
  ) {
    this.graph = parts?.graph ?? this.createGraph(MIN_CAPACITY);
    parts?.labels.forEach((entry, label) => {
      this.itemOf.push(entry?.[0] ?? null);
      if (entry) {
        this.entryOf.set(entry[0], { label, sourceHash: entry[1] });
      }
    });
  }

  get numItems(): number {
    return this.entryOf.size;
  }

  get itemIds(): Iterable<string> {
    return this.entryOf.keys();
  }

  /** Hash of the caption the item was indexed with; null if it is not indexed. */
  sourceHashOf(itemId: string): string | null {
    return this.entryOf.get(itemId)?.sourceHash ?? null;
  }

  /** Of unit length; null if the item is not indexed. */
  vectorOf(itemId: string): Float32Array | null {
    const entry = this.entryOf.get(itemId);
    return entry ? Float32Array.from(this.graph.getPoint(entry.label)) : null;
  }

  /** Adds items, or puts changed ones in their new place, a few at a time so that the process goes on answering. */
  async add(items: readonly IndexedItem[], signal?: AbortSignal): Promise<void> {
    await this.makeRoom(items.length);
    await inSlices(items, signal, ({ itemId, vector, sourceHash }) => {
      if (vector.length !== this.dimension || !vector.every(Number.isFinite)) {
        throw new Error(
          `CaptionIndex.add: '${itemId}' must have ${this.dimension} finite values, but got ${vector.length}`,
        );
      }
      const label = this.itemOf.length;
      this.graph.addPoint(Array.from(vector), label);
      this.remove([itemId]);
      this.itemOf.push(itemId);
      this.entryOf.set(itemId, { label, sourceHash });
    });
  }

  /** Items that are not indexed are passed over. */
  remove(itemIds: Iterable<string>): void {
    for (const itemId of itemIds) {
      const entry = this.entryOf.get(itemId);
      if (entry) {
        this.graph.markDelete(entry.label);
        this.itemOf[entry.label] = null;
        this.entryOf.delete(itemId);
      }
    }
  }

  /** The `k` items nearest to `vector`, best first; fewer only if there are no more that may be found. */
  search(
    vector: Float32Array,
    k: number,
    { exclude, filter = () => true }: SearchOptions = {},
  ): SimilarItem[] {
    if (vector.length !== this.dimension) {
      throw new Error(
        `CaptionIndex.search: a vector must have ${this.dimension} values, but got ${vector.length}`,
      );
    }
    const wanted = Math.min(k, this.numItems);
    if (wanted <= 0) {
      return [];
    }
    const mayBeFound = (label: number) => {
      const itemId = this.itemOf[label];
      return itemId !== null && !exclude?.has(itemId) && filter(itemId);
    };
    this.graph.setEf(Math.max(EF_SEARCH, wanted));
    const { neighbors, distances } = this.graph.searchKnn(Array.from(vector), wanted, mayBeFound);
    if (neighbors.length < wanted) {
      return this.searchExactly(vector, wanted, mayBeFound);
    }
    return neighbors.map((label, n) => ({
      itemId: this.itemOf[label]!, // a label that may be found has an item
      similarity: 1 - distances[n],
    }));
  }

  /** What is to be stored. */
  parts(): IndexParts {
    const labels = this.itemOf.map(itemId => {
      const entry = itemId === null ? undefined : this.entryOf.get(itemId);
      return itemId !== null && entry ? ([itemId, entry.sourceHash] as const) : null;
    });
    return { graph: this.graph, labels };
  }

  /** For filters so narrow that the walk through the graph meets too few of what they let through. */
  private searchExactly(
    vector: Float32Array,
    k: number,
    mayBeFound: (label: number) => boolean,
  ): SimilarItem[] {
    const labels = [...this.entryOf.values()].map(({ label }) => label).filter(mayBeFound);
    const similarities = labels.map(label =>
      cosine(vector, Float32Array.from(this.graph.getPoint(label))),
    );
    return topK(similarities, k).map(n => ({
      itemId: this.itemOf[labels[n]]!, // a label that may be found has an item
      similarity: similarities[n],
    }));
  }

  private createGraph(capacity: number): NearestGraph {
    const graph = createNearestGraph(this.engine, this.dimension);
    graph.initIndex(capacity, M, EF_CONSTRUCTION);
    return graph;
  }

  private async makeRoom(numNew: number): Promise<void> {
    const numDeleted = this.itemOf.length - this.numItems;
    if (numDeleted > Math.max(MIN_DELETED, this.numItems)) {
      await this.compact();
    }
    const needed = this.itemOf.length + numNew;
    if (needed > this.graph.getMaxElements()) {
      this.graph.resizeIndex(Math.ceil(Math.max(needed, this.itemOf.length * GROWTH)));
    }
  }

  private async compact(): Promise<void> {
    const graph = this.createGraph(Math.max(MIN_CAPACITY, this.numItems));
    const entries = [...this.entryOf];
    await inSlices([...entries.entries()], undefined, ([newLabel, [, { label }]]) => {
      graph.addPoint(this.graph.getPoint(label), newLabel);
    });
    this.graph = graph;
    this.itemOf = entries.map(([itemId]) => itemId);
    this.entryOf = new Map(
      entries.map(([itemId, { sourceHash }], label) => [itemId, { label, sourceHash }]),
    );
  }
}

/** Does something with each value, giving way to the event loop every {@link SLICE_MS}. */
async function inSlices<Value>(
  values: readonly Value[],
  signal: AbortSignal | undefined,
  act: (value: Value) => void,
): Promise<void> {
  let began = performance.now();
  for (const value of values) {
    act(value);
    if (performance.now() - began > SLICE_MS) {
      await new Promise(resolve => setImmediate(resolve));
      signal?.throwIfAborted();
      began = performance.now();
    }
  }
}
