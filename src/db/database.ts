/**
 * @file The one Postgres: embedded in this process by default, or the one that `DATABASE_URL` names.
 *
 * Both use the same `pg.Pool`, Prisma client and SQL. The embedded one has a single connection, so never wait for a
 * second connection inside a transaction.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PrismaPg } from "@prisma/adapter-pg";
import type pg from "pg";
import { AppError } from "../errors/app-error.js";
import { lockFolder } from "./folder-lock.js";
import { PrismaClient } from "./generated/client.js";
import { migrate } from "./migrate.js";
import { PglitePool } from "./pglite-config.js";
import { ServerPool } from "./server-pool.js";

export interface DatabaseOptions {
  /** URL of a Postgres; null for the embedded one. */
  databaseUrl: string | null;
  /** Folder of the embedded Postgres; null keeps it in memory (tests). */
  folder: string | null;
  /** A packed data folder as the initial state of a new embedded Postgres (tests). */
  template?: Blob;
  /** Called with every SQL statement that Prisma sends. */
  onStatement?: (sql: string) => void;
  /** Connections to a real Postgres; default 10. */
  maxConnections?: number;
  /** Time without a heartbeat after which the folder's lock may be taken over, in ms; default 15,000. */
  lockStaleMs?: number;
  /**
   * Called once if another process took over the folder's lock (`DATA_FOLDER_LOST`). All further statements fail, and
   * nothing more is written; the process should end.
   */
  onLockLost?: (error: AppError) => void;
}

export interface Database {
  readonly kind: "embedded" | "postgres";
  readonly prisma: PrismaClient;
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

/** The part of Prisma that a repository uses, inside a transaction or outside. */
export type PrismaTransaction = Parameters<
  Extract<Parameters<PrismaClient["$transaction"]>[0], (...args: never[]) => unknown>
>[0];

/** PGlite's major version of Postgres. */
const EMBEDDED_MAJOR = "18";

/** @throws AppError `DATA_FOLDER_VERSION`, `DATA_FOLDER_UNUSABLE` */
async function openPglite(folder: string | null, template?: Blob): Promise<PGlite> {
  if (folder === null) {
    return PGlite.create(template && { loadDataDir: template });
  }
  try {
    const found = majorOf(folder);
    if (found !== null && found !== EMBEDDED_MAJOR) {
      throw new AppError("DATA_FOLDER_VERSION", { path: folder, found, expected: EMBEDDED_MAJOR });
    }
    // A killed process leaves this file; the lock has already excluded a living one.
    rmSync(join(folder, "postmaster.pid"), { force: true });
    return await PGlite.create(folder, found === null && template ? { loadDataDir: template } : {});
  } catch (error) {
    if (error instanceof AppError) {
      throw error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError("DATA_FOLDER_UNUSABLE", { path: folder, reason }, { cause: error });
  }
}

/** The major version of the Postgres that created a data folder; null for an empty folder. */
function majorOf(folder: string): string | null {
  const path = join(folder, "PG_VERSION");
  return existsSync(path) ? readFileSync(path, "utf8").trim() : null;
}

/** @param undo Collects the steps that close it again. */
async function openEmbedded(
  { folder, lockStaleMs, onLockLost, template }: DatabaseOptions,
  undo: (() => unknown)[],
): Promise<PglitePool> {
  let lost: AppError | null = null;
  let pool: PglitePool | null = null;
  if (folder !== null) {
    const unlock = await lockFolder(folder, {
      staleMs: lockStaleMs,
      onLost: error => {
        lost = error;
        pool?.refuseAll(error);
        onLockLost?.(error);
      },
    });
    undo.push(unlock);
  }
  const pglite = await openPglite(folder === null ? null : join(folder, "pgdata"), template);
  // Closing writes a checkpoint, which only the new holder may do.
  undo.push(() => (lost ? undefined : pglite.close()));
  pool = new PglitePool(pglite);
  if (lost) {
    throw lost; // eslint-disable-line @typescript-eslint/only-throw-error -- an AppError
  }
  return pool;
}

/**
 * Opens the database and migrates its schema.
 *
 * @throws AppError `DATABASE_UNREACHABLE`, `DATA_FOLDER_LOCKED`, `DATA_FOLDER_LOST`, `DATA_FOLDER_VERSION`,
 *   `DATA_FOLDER_UNUSABLE`, `MIGRATION_CHANGED`, `MIGRATION_FAILED`
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { databaseUrl, onStatement, maxConnections = 10 } = options;
  const undo: (() => unknown)[] = [];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) {
      await step();
    }
  };
  try {
    let pool: pg.Pool;
    if (databaseUrl === null) {
      pool = await openEmbedded(options, undo);
    } else {
      pool = new ServerPool({ connectionString: databaseUrl, max: maxConnections });
    }
    undo.push(() => pool.end());
    await pool.query("SELECT 1").catch((error: unknown) => {
      const cause = error instanceof AppError ? (error.cause ?? error) : error; // what `pg` says names the host
      throw new AppError("DATABASE_UNREACHABLE", { reason: String(cause) }, { cause });
    });
    await migrate(pool);
    const prisma = new PrismaClient({
      adapter: new PrismaPg(pool),
      log: onStatement ? [{ emit: "event", level: "query" }] : [],
      transactionOptions: { maxWait: 30_000, timeout: 120_000 },
    });
    undo.push(() => prisma.$disconnect());
    if (onStatement) {
      (prisma as PrismaClient<"query">).$on("query", ({ query }) => onStatement(query));
    }
    return { kind: databaseUrl === null ? "embedded" : "postgres", prisma, pool, close };
  } catch (error) {
    await close();
    throw error;
  }
}
