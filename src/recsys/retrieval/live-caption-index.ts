/** @file The caption index of a running process: loaded once, then kept in sync with the embeddings in Postgres. */
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { NewEmbedding } from "../../db/embeddings.repository.js";
import { AppError } from "../../errors/app-error.js";
import { type IndexIdentity, loadCaptionIndex, saveCaptionIndex } from "./caption-index-files.js";
import { CaptionIndex } from "./caption-index.js";
import type { Engine } from "./nearest-graph.js";

/** Embeddings per query. */
const PAGE = 500;

interface Dependencies extends IndexIdentity {
  store: ArtefactStore;
  embeddings: {
    captionMark(encoder: string): Promise<string>;
    captionHashes(encoder: string): Promise<ReadonlyMap<string, string>>;
    findCaptionEmbeddings(encoder: string, itemIds: readonly string[]): Promise<NewEmbedding[]>;
  };
}

export interface SyncOptions {
  /** Builds a new index; searches use the old one until it is ready. */
  rebuild?: boolean;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

export interface SyncReport {
  /** Items in the index. */
  numItems: number;
  /** New and changed items. */
  numAdded: number;
  /** Items removed. */
  numRemoved: number;
  /** Distinct caption embeddings: items with equal captions share one. */
  numPoints: number;
  /** The search engine: an HNSW graph, or exact. */
  search: Engine;
  /** Recall@10 of a search, 0..1, on a seeded sample; 1 where it is exact. */
  recallAt10: number | null;
  /** HNSW's recall@10 when last measured; below .95 the index searches exactly. Null before. */
  hnswRecallAt10: number | null;
}

export class LiveCaptionIndex {
  private index: CaptionIndex | null = null;
  /** State of the embeddings in the index; null if unknown. */
  private mark: string | null = null;
  private lastSync: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: Dependencies) {}

  /** Whether an index is loaded. */
  get isBuilt(): boolean {
    return this.index !== null && this.index.numItems > 0;
  }

  /** @throws AppError `INDEX_NOT_BUILT` */
  get current(): CaptionIndex {
    if (!this.index || this.index.numItems === 0) {
      throw new AppError("INDEX_NOT_BUILT");
    }
    return this.index;
  }

  /**
   * Applies new, changed and deleted embeddings, and stores the index if there were any; one statement if there were
   * none. Rebuilds an index of another encoder, or a damaged one, from Postgres.
   */
  sync(options: SyncOptions = {}): Promise<SyncReport> {
    const done = this.lastSync.then(() => this.runSync(options));
    this.lastSync = done.catch(() => undefined);
    return done;
  }

  private async runSync({ rebuild = false, onProgress, signal }: SyncOptions): Promise<SyncReport> {
    const { store, encoder, dimension, embeddings } = this.deps;
    if (!this.index && !rebuild) {
      await this.load();
    }
    // Read first: concurrent changes alter the mark, so the next sync finds them.
    const mark = await embeddings.captionMark(encoder);
    if (this.index && mark === this.mark && !rebuild) {
      return reportOf(this.index, 0, 0);
    }
    const index = (rebuild ? null : this.index) ?? new CaptionIndex(dimension);
    this.mark = null;
    const hashes = await embeddings.captionHashes(encoder);
    const gone = [...index.itemIds].filter(itemId => !hashes.has(itemId));
    index.remove(gone);
    const changed = [...hashes.keys()].filter(id => index.sourceHashOf(id) !== hashes.get(id));
    for (let start = 0; start < changed.length; start += PAGE) {
      signal?.throwIfAborted();
      onProgress?.(start, changed.length);
      const page = changed.slice(start, start + PAGE);
      await index.add(await embeddings.findCaptionEmbeddings(encoder, page), signal);
    }
    onProgress?.(changed.length, changed.length);
    await index.checkRecall(signal);
    await saveCaptionIndex(store, index, { encoder, mark });
    this.index = index;
    this.mark = mark;
    return reportOf(index, changed.length, gone.length);
  }

  private async load(): Promise<void> {
    try {
      const { index, mark } = await loadCaptionIndex(this.deps.store, this.deps);
      this.index = index;
      this.mark = mark;
    } catch (error) {
      const isExpected =
        error instanceof AppError && ["INDEX_NOT_BUILT", "INDEX_STALE"].includes(error.code);
      if (!isExpected) {
        throw error;
      }
    }
  }
}

function reportOf(index: CaptionIndex, numAdded: number, numRemoved: number): SyncReport {
  const { numItems, numPoints, quality } = index;
  const { engine: search, hnswRecallAt10 } = quality;
  const recallAt10 = search === "exact" ? 1 : hnswRecallAt10;
  return { numItems, numAdded, numRemoved, numPoints, search, recallAt10, hnswRecallAt10 };
}
