/**
 * @file Kept re-ranked lists: what a run of `rerank` with the mode `perUser` made of each user's first items, served by
 * `recommendations` with the source `RERANKED`.
 *
 * A list belongs to a version of the ranking model and to the choices that it was made from. With another version active, or
 * after a new choice, it is stale, and the model ranks.
 *
 * Files: `reranks/lists/<run>/<shard>.json`, a shard for each first byte of the SHA-256 of the user's id, and
 * `reranks/lists/current.json`, written last.
 */
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import { deleteAll, getJson, putJson } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";

const PREFIX = "reranks/lists";
const CURRENT = `${PREFIX}/current.json`;
/** Shards in memory: about 2.5 MB each for a million users, 1 KB for a thousand. */
const NUM_KEPT = 16;
/** How long a process may serve the lists of the run before. */
const CURRENT_AGE_MS = 5_000;

const currentSchema = z.object({ runId: z.string(), rankingModelVersionId: z.string() });
const listSchema = z.object({ itemIds: z.array(z.string()), scores: z.array(z.number()) });
const shardSchema = z.record(z.string(), listSchema);

export type RerankedList = z.infer<typeof listSchema>;
type Current = z.infer<typeof currentSchema>;
type Shard = z.infer<typeof shardSchema>;

export class RerankedLists {
  private readonly shards = new LRUCache<string, Shard>({ max: NUM_KEPT });
  private current: { value: Current | null; atMs: number } | null = null;

  constructor(private readonly store: ArtefactStore) {}

  /** A user's list for this version of the ranking model; null where there is none. */
  async of(userId: string, rankingModelVersionId: string): Promise<RerankedList | null> {
    const current = await this.read();
    if (current?.rankingModelVersionId !== rankingModelVersionId) {
      return null;
    }
    const path = shardPath(current.runId, userId);
    let shard = this.shards.get(path);
    if (!shard) {
      shard = parsed(shardSchema, await getJson(this.store, path)) ?? {};
      this.shards.set(path, shard);
    }
    return Object.hasOwn(shard, userId) ? shard[userId] : null;
  }

  /** Replaces the lists of the run before, whole or not at all. */
  async replace(
    { rankingModelVersionId, runId }: Current,
    lists: ReadonlyMap<string, RerankedList>,
  ): Promise<void> {
    const shards = new Map<string, Shard>();
    for (const [userId, list] of lists) {
      const path = shardPath(runId, userId);
      shards.set(path, { ...shards.get(path), [userId]: list });
    }
    const before = await this.read();
    for (const [path, shard] of shards) {
      await putJson(this.store, path, shard);
    }
    await putJson(this.store, CURRENT, { runId, rankingModelVersionId });
    this.shards.clear();
    this.current = null;
    if (before && before.runId !== runId) {
      await deleteAll(this.store, `${PREFIX}/${before.runId}`);
    }
  }

  /** Removes a deleted user's list. */
  async erase(userId: string): Promise<void> {
    this.current = null;
    const current = await this.read();
    if (!current) {
      return;
    }
    const path = shardPath(current.runId, userId);
    const shard = parsed(shardSchema, await getJson(this.store, path));
    this.shards.delete(path);
    if (shard && Object.hasOwn(shard, userId)) {
      await putJson(this.store, path, withoutKey(shard, userId));
    }
  }

  private async read(): Promise<Current | null> {
    const nowMs = performance.now();
    if (!this.current || nowMs - this.current.atMs >= CURRENT_AGE_MS) {
      const value = parsed(currentSchema, await getJson(this.store, CURRENT));
      this.current = { value, atMs: nowMs };
    }
    return this.current.value;
  }
}

function shardPath(runId: string, userId: string): string {
  const shard = createHash("sha256").update(userId).digest("hex").slice(0, 2);
  return `${PREFIX}/${runId}/${shard}.json`;
}

/** Null for a file that is absent or has another form: the model ranks then. */
function parsed<Value>(schema: z.ZodType<Value>, content: unknown): Value | null {
  const result = schema.safeParse(content);
  return result.success ? result.data : null;
}

function withoutKey(shard: Shard, userId: string): Shard {
  return Object.fromEntries(Object.entries(shard).filter(([id]) => id !== userId));
}
