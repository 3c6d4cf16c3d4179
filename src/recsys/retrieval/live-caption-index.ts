/** @file The caption index of a running process: loaded once, then kept in sync with the embeddings in Postgres. */
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { NewEmbedding } from "../../db/embeddings.repository.js";
import { isTransient } from "../../db/environment-fault.js";
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
  /** Told of a stored index that is damaged, or that cannot be stored. Default: nobody is. */
  onFault?: (error: AppError) => void;
}

export interface SyncOptions {
  /** Builds a new index; searches use the old one until it is ready. */
  rebuild?: boolean;
  /** In the place of a damaged index, searches exactly until the next sync, which builds it again. */
  fillIn?: boolean;
  /** Fails if the index cannot be stored. Default: it serves, and the next sync stores it. */
  mustStore?: boolean;
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
  /** Why the stored index is not the one in memory; null if it is, or if none is stored yet. */
  private damage: AppError | null = null;
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

  /** What is wrong with the stored index: it is damaged, or it could not be stored. Null if nothing is. */
  get fault(): AppError | null {
    return this.damage;
  }

  /**
   * Applies new, changed and deleted embeddings, and stores the index if there were any; one statement if there were
   * none. Builds an index of another encoder, or a damaged one, again from Postgres.
   */
  sync(options: SyncOptions = {}): Promise<SyncReport> {
    const done = this.lastSync.then(() => this.runSync(options));
    this.lastSync = done.catch(() => undefined);
    return done;
  }

  private async runSync(options: SyncOptions): Promise<SyncReport> {
    const { fillIn, rebuild = false, signal } = options;
    const { store, encoder, dimension, embeddings } = this.deps;
    if (!this.index && !rebuild) {
      await this.load();
    }
    // Read first: concurrent changes alter the mark, so the next sync finds them.
    const mark = await embeddings.captionMark(encoder);
    if (this.index && mark === this.mark && !rebuild && !this.damage) {
      return reportOf(this.index, 0, 0);
    }
    if (fillIn && this.damage && !this.index) {
      const exact = new CaptionIndex(dimension, undefined, "exact");
      const { numAdded } = await this.update(exact, options);
      this.index = exact;
      return reportOf(exact, numAdded, 0);
    }
    const isUseless = rebuild || this.damage?.code === "INDEX_DAMAGED";
    const index = (isUseless ? null : this.index) ?? new CaptionIndex(dimension);
    this.mark = null;
    const { numAdded, numRemoved } = await this.update(index, options);
    await index.checkRecall(signal);
    this.index = index;
    try {
      await saveCaptionIndex(store, index, { encoder, mark });
      this.damage = null;
    } catch (error) {
      if (!isTransient(error) || options.mustStore) {
        throw error;
      }
      this.note(error);
    }
    this.mark = mark;
    return reportOf(index, numAdded, numRemoved);
  }

  /** Makes the index hold what Postgres has. */
  private async update(
    index: CaptionIndex,
    { onProgress, signal }: SyncOptions,
  ): Promise<{ numAdded: number; numRemoved: number }> {
    const { encoder, embeddings } = this.deps;
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
    return { numAdded: changed.length, numRemoved: gone.length };
  }

  private note(fault: AppError): void {
    if (this.damage?.code !== fault.code) {
      this.deps.onFault?.(fault);
    }
    this.damage = fault;
  }

  private async load(): Promise<void> {
    try {
      const { index, mark } = await loadCaptionIndex(this.deps.store, this.deps);
      this.index = index;
      this.mark = mark;
    } catch (error) {
      if (!(error instanceof AppError)) {
        throw error;
      }
      if (error.code === "INDEX_DAMAGED") {
        this.note(error);
      } else if (!["INDEX_NOT_BUILT", "INDEX_STALE"].includes(error.code)) {
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
