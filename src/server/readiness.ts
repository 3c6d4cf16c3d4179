/** @file What `/health` and `/ready` say: of each part of a server, whether it is there and whether it serves as it should. */
import { randomUUID } from "node:crypto";
import type { ArtefactStore } from "../db/artefact-store.js";
import type { Database } from "../db/database.js";
import { AppError } from "../errors/app-error.js";
import type { Services } from "../plugin/create-services.js";
import type { Damage } from "../recsys/versions/trained-version.service.js";
import type { Probes } from "./health-routes.js";

/** How often it is tried whether files can be written. */
const STORAGE_MAX_AGE_MS = 5_000;

type ReadyParts = Pick<
  Services,
  "blobs" | "index" | "models" | "personalizers" | "rankers" | "store"
>;

export function createProbes(db: Database, services: ReadyParts): Probes {
  const { blobs, index, models, personalizers, rankers } = services;
  const storage = new StorageProbe(services.store);
  return {
    ping: () => db.pool.query("SELECT 1"),
    missing: async () => [
      ...(index.isBuilt ? [] : ["caption index"]),
      ...((await rankers.activeVersionId()) === null ? ["ranking model"] : []),
    ],
    degraded: async () => [
      ...damageText("ranking model", rankers.damage),
      ...damageText("personalizer", personalizers.damage),
      ...(index.fault ? [`the caption index is not as stored: ${index.fault.message}`] : []),
      ...models.faults.messages,
      ...(await storage.faults()),
      ...damagedFiles(blobs.damaged),
    ],
  };
}

function damageText(what: string, damage: Damage | null): string[] {
  return damage
    ? [
        `the active ${what} ${damage.versionId} cannot be read; ${damage.replacementId ?? "none"} serves in its place`,
      ]
    : [];
}

function damagedFiles(hashes: ReadonlySet<string>): string[] {
  const [first] = hashes;
  return hashes.size > 0 ? [`${hashes.size} image files are damaged, such as '${first}'`] : [];
}

/** Whether files can be written. */
class StorageProbe {
  /** A file of this process. */
  private readonly key = `probes/${randomUUID()}`;
  private last: { faults: Promise<string[]>; atMs: number } | null = null;

  constructor(private readonly store: Pick<ArtefactStore, "put" | "delete">) {}

  faults(): Promise<string[]> {
    if (!this.last || performance.now() - this.last.atMs >= STORAGE_MAX_AGE_MS) {
      this.last = { faults: this.write(), atMs: performance.now() };
    }
    return this.last.faults;
  }

  private async write(): Promise<string[]> {
    try {
      await this.store.put(this.key, Buffer.alloc(PROBE_BYTES, 1));
      await this.store.delete(this.key);
      return [];
    } catch (error) {
      return [`files cannot be stored: ${error instanceof AppError ? error.code : "see the log"}`];
    }
  }
}

/** More than what a file system keeps beside its names. */
const PROBE_BYTES = 16 * 2 ** 10;
