/** @file The stages of an indexing: what is to be done, a batch at a time. */

/** Rows per batch: few enough to lose in a kill, enough to amortize statements. */
export const BATCH = 64;

export type IndexingStage =
  | "captions"
  | "caption embeddings"
  | "picture embeddings"
  | "variant embeddings"
  | "index"
  | "keywords";

export interface IndexingProgress {
  stage: IndexingStage;
  done: number;
  total: number;
}

export interface BatchRun {
  onProgress?: (progress: IndexingProgress) => void;
  signal?: AbortSignal;
}

/** Goes through all there is to do of one stage, in the order of its keys (default: item ids). @returns how many items were done. */
export async function inBatches<Item extends { itemId: string }>({
  run: { onProgress, signal },
  stage,
  total,
  find,
  work,
  keyOf = ({ itemId }) => itemId,
}: {
  run: BatchRun;
  stage: IndexingStage;
  total: number;
  find: (afterKey: string) => Promise<Item[]>;
  work: (batch: Item[]) => Promise<number>;
  keyOf?: (item: Item) => string;
}): Promise<number> {
  let numDone = 0;
  let numSeen = 0;
  onProgress?.({ stage, done: 0, total });
  for (let afterKey = ""; ;) {
    signal?.throwIfAborted();
    const batch = await find(afterKey);
    if (batch.length === 0) {
      return numDone;
    }
    numDone += await work(batch);
    numSeen += batch.length;
    onProgress?.({ stage, done: numSeen, total: Math.max(total, numSeen) });
    afterKey = keyOf(batch[batch.length - 1]);
  }
}
