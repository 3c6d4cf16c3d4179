/**
 * @file The caption embeddings of the whole catalogue, searched approximately (HNSW).
 *
 * Yu. A. Malkov, D. A. Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
 * Small World graphs", 2018. https://arxiv.org/abs/1603.09320
 *
 * hnswlib has integer labels, a fixed capacity and distances; this class has items, grows, and returns similarities. It
 * rebuilds the graph when most labels are deleted.
 *
 * Equal embeddings are one point with several items ({@link PointItems}). As separate points they would fill up each
 * other's edges: with more than about a hundred no edge leads out, and a search that starts there finds nothing else.
 * {@link CaptionIndex.checkRecall} compares HNSW with exact search; where the recall is too low, the index searches
 * exactly.
 */
import { cosine } from "../../ml/nn/cosine.js";
import { topK } from "../../ml/nn/top-k.js";
import { lostLabels, recallOf, sampleExactly } from "./graph-recall.js";
import { inSlices } from "./in-slices.js";
import {
  createNearestGraph,
  defaultEngine,
  type Engine,
  type NearestGraph,
} from "./nearest-graph.js";
import { type LabelledItem, PointItems } from "./point-items.js";

/** Edges per node (the paper's M), and candidates during insertion. */
export const M = 16;
export const EF_CONSTRUCTION = 200;
/** Candidates during search: the first number that reaches {@link MIN_RECALL}. */
const EF_SEARCH = [100, 400] as const;
/** Below this recall@10 the index searches exactly. */
const MIN_RECALL = 0.95;
/** Candidates when searching for a point equal to a new one. */
const EF_EQUAL = 32;
/**
 * Embeddings with a cosine above `1 - EQUAL` are one point: the same caption encoded in another batch differs this much.
 * The error of a similarity is at most sqrt(2 EQUAL) = .0014.
 */
const EQUAL = 1e-6;

const GROWTH = 1.5;
const MIN_CAPACITY = 1_024;
/** Fewer deleted labels do not merit a rebuild. */
const MIN_DELETED = 1_000;
/** The index searches exactly if more than this fraction of points is unreachable. */
const MAX_LOST = 0.05;
/** The recall is measured again after this fraction of the points changed. */
const CHECK_AFTER = 0.1;

export interface IndexedItem {
  itemId: string;
  /** `[D]`, of any length but 0. */
  vector: Float32Array;
  /** Identifies the caption's version. */
  sourceHash: string;
}

export interface SimilarItem {
  itemId: string;
  /** Cosine, -1..1. */
  similarity: number;
}

export interface SearchOptions {
  /** Items to leave out. */
  exclude?: ReadonlySet<string>;
  /** Whether an item may be returned; default all. */
  filter?: (itemId: string) => boolean;
}

/** Engine and recall of an index. */
export interface SearchQuality {
  engine: Engine;
  /** HNSW's candidates. */
  efSearch: number;
  /** HNSW's recall@10 when last measured, 0..1; null before. */
  hnswRecallAt10: number | null;
}

/** The state that `caption-index-files.ts` stores. */
export interface IndexParts {
  graph: NearestGraph;
  /** Items of each label in the graph, empty for a deleted one. */
  labels: readonly (readonly LabelledItem[])[];
  quality: SearchQuality;
  /** Points that HNSW cannot reach. */
  lost: readonly number[];
}

/** Changes must not overlap; searches may run between their slices. */
export class CaptionIndex {
  private graph: NearestGraph;
  private points: PointItems;
  private currentQuality: SearchQuality;
  /** Points added and deleted since the last recall check. */
  private numChanges = 0;
  /** Labels below {@link numChecked} that HNSW cannot reach: compared one by one in every search. */
  private readonly lost: Set<number>;
  private numChecked: number;

  constructor(
    readonly dimension: number,
    parts?: IndexParts,
    engine: Engine = defaultEngine,
  ) {
    this.currentQuality = parts?.quality ?? {
      engine,
      efSearch: EF_SEARCH[0],
      hnswRecallAt10: null,
    };
    this.graph = parts?.graph ?? this.createGraph(engine, MIN_CAPACITY);
    this.points = new PointItems(parts?.labels);
    this.lost = new Set(parts?.lost);
    this.numChecked = this.points.numLabels;
  }

  get engine(): Engine {
    return this.currentQuality.engine;
  }

  get quality(): SearchQuality {
    return this.currentQuality;
  }

  /** Distinct embeddings. */
  get numPoints(): number {
    return this.points.numPoints;
  }

  get numItems(): number {
    return this.points.numItems;
  }

  get itemIds(): Iterable<string> {
    return this.points.itemIds;
  }

  /** Hash of the caption the item was indexed with; null if it is not indexed. */
  sourceHashOf(itemId: string): string | null {
    return this.points.entry(itemId)?.sourceHash ?? null;
  }

  /** Of unit length; null if the item is not indexed. */
  vectorOf(itemId: string): Float32Array | null {
    const entry = this.points.entry(itemId);
    return entry && Float32Array.from(this.graph.getPoint(entry.label));
  }

  /** Adds or updates items, in slices that keep the process responsive. */
  async add(items: readonly IndexedItem[], signal?: AbortSignal): Promise<void> {
    await this.makeRoom(items.length);
    await inSlices(items, signal, ({ itemId, vector, sourceHash }) => {
      if (vector.length !== this.dimension || !vector.every(Number.isFinite)) {
        throw new Error(
          `CaptionIndex.add: '${itemId}' must have ${this.dimension} finite values, but got ${vector.length}`,
        );
      }
      this.remove([itemId]);
      const point = Array.from(vector);
      this.points.add(this.equalPoint(point) ?? this.addPoint(point), [itemId, sourceHash]);
    });
  }

  /** Ignores items that are not indexed. */
  remove(itemIds: Iterable<string>): void {
    for (const itemId of itemIds) {
      const emptied = this.points.remove(itemId);
      if (emptied !== null) {
        this.graph.markDelete(emptied);
        this.lost.delete(emptied);
        this.numChanges++;
      }
    }
  }

  /** The `k` items nearest to `vector`, best first, ties by id; fewer only if no more may be returned. */
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
    const isAllowed = (itemId: string) => !exclude?.has(itemId) && filter(itemId);
    const mayBeFound = (label: number) => this.points.some(label, isAllowed);
    const wantedPoints = Math.min(wanted, this.numPoints);
    this.graph.setEf(Math.max(this.currentQuality.efSearch, wantedPoints));
    const { neighbors, distances } = this.graph.searchKnn(
      Array.from(vector),
      wantedPoints,
      mayBeFound,
    );
    const missed = [...this.lost].filter(label => mayBeFound(label) && !neighbors.includes(label));
    const found = this.itemsOf(
      [...neighbors, ...missed],
      [...distances.map(distance => 1 - distance), ...missed.map(n => this.cosineTo(vector, n))],
      isAllowed,
    );
    if (found.length < wanted && neighbors.length < wantedPoints) {
      return this.searchExactly(vector, wanted, isAllowed);
    }
    return found.slice(0, wanted);
  }

  /**
   * Measures HNSW's recall if a tenth of the points changed since the last check. Where it is too low, raises the number
   * of candidates; where that is not enough, the index searches exactly from now on. Also finds unreachable points among
   * the new ones.
   *
   * @param minRecall Sufficient recall@10; default {@link MIN_RECALL}.
   */
  async checkRecall(signal?: AbortSignal, minRecall = MIN_RECALL): Promise<void> {
    const isKnown =
      this.currentQuality.hnswRecallAt10 !== null &&
      this.numChanges <= CHECK_AFTER * this.numPoints;
    if (this.engine === "exact" || this.numPoints === 0) {
      return;
    }
    if (isKnown) {
      await this.noteLost(signal);
      return;
    }
    const sample = await sampleExactly(this.graph, this.points.liveLabels(), signal);
    for (const efSearch of EF_SEARCH) {
      this.graph.setEf(efSearch);
      const hnswRecallAt10 = recallOf(this.graph, sample);
      this.currentQuality = { engine: "hnsw", efSearch, hnswRecallAt10 };
      if (hnswRecallAt10 >= minRecall) {
        this.numChanges = 0;
        this.numChecked = 0;
        this.lost.clear();
        await this.noteLost(signal);
        return;
      }
    }
    await this.rebuildGraph("exact");
  }

  /** Finds unreachable points among those not checked yet. */
  private async noteLost(signal?: AbortSignal): Promise<void> {
    const { efSearch } = this.currentQuality;
    const { numLabels } = this.points;
    const labels = this.points.liveLabels().filter(label => label >= this.numChecked);
    for (const label of await lostLabels(this.graph, labels, efSearch, signal)) {
      this.lost.add(label);
    }
    this.numChecked = numLabels;
    if (this.lost.size > Math.max(1, MAX_LOST * this.numPoints)) {
      await this.rebuildGraph("exact");
    }
  }

  /** The state to store. */
  parts(): IndexParts {
    const { currentQuality: quality, graph, lost, points } = this;
    return { graph, labels: points.labels(), quality, lost: [...lost] };
  }

  /** The point equal to this one; null if HNSW finds none. Exact search needs no such point. */
  private equalPoint(point: number[]): number | null {
    if (this.engine === "exact" || this.numPoints === 0) {
      return null;
    }
    this.graph.setEf(EF_EQUAL);
    const { neighbors, distances } = this.graph.searchKnn(point, 1, () => true);
    return distances.length > 0 && distances[0] < EQUAL ? neighbors[0] : null;
  }

  private addPoint(point: number[]): number {
    this.graph.addPoint(point, this.points.numLabels);
    this.numChanges++;
    return this.points.addLabel();
  }

  /** The items of some points, best first, ties by id. */
  private itemsOf(
    labels: readonly number[],
    similarities: readonly number[],
    isAllowed: (itemId: string) => boolean,
  ): SimilarItem[] {
    const found = labels.flatMap((label, n) =>
      this.points
        .itemsOf(label)
        .filter(isAllowed)
        .map(itemId => ({ itemId, similarity: similarities[n] })),
    );
    return found.sort(
      (a, b) => b.similarity - a.similarity || (a.itemId < b.itemId ? -1 : 1), // ids are distinct
    );
  }

  /** For narrow filters, where the graph search meets too few allowed items. */
  private searchExactly(
    vector: Float32Array,
    k: number,
    isAllowed: (itemId: string) => boolean,
  ): SimilarItem[] {
    const labels = this.points.liveLabels().filter(label => this.points.some(label, isAllowed));
    const similarities = labels.map(label => this.cosineTo(vector, label));
    const best = topK(similarities, k);
    return this.itemsOf(
      best.map(n => labels[n]),
      best.map(n => similarities[n]),
      isAllowed,
    ).slice(0, k);
  }

  private cosineTo(vector: Float32Array, label: number): number {
    return cosine(vector, Float32Array.from(this.graph.getPoint(label)));
  }

  private createGraph(engine: Engine, capacity: number): NearestGraph {
    const graph = createNearestGraph(engine, this.dimension);
    graph.initIndex(capacity, M, EF_CONSTRUCTION);
    return graph;
  }

  private async makeRoom(numNew: number): Promise<void> {
    const numDeleted = this.points.numLabels - this.numPoints;
    if (numDeleted > Math.max(MIN_DELETED, this.numPoints)) {
      await this.rebuildGraph(this.engine);
    }
    const needed = this.points.numLabels + numNew;
    if (needed > this.graph.getMaxElements()) {
      this.graph.resizeIndex(Math.ceil(Math.max(needed, this.points.numLabels * GROWTH)));
    }
  }

  /** Moves the points that have items to a new graph. */
  private async rebuildGraph(engine: Engine): Promise<void> {
    const graph = this.createGraph(engine, Math.max(MIN_CAPACITY, this.numPoints));
    const kept = this.points.liveLabels();
    await inSlices(kept.entries(), undefined, ([newLabel, label]) => {
      graph.addPoint(this.graph.getPoint(label), newLabel);
    });
    const labels = this.points.labels();
    this.graph = graph;
    this.points = new PointItems(kept.map(label => labels[label]));
    this.currentQuality = { ...this.currentQuality, engine };
    this.lost.clear();
    this.numChecked = 0;
  }
}
