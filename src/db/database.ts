/**
 * @file The one Postgres: embedded in this process without configuration, or the one `DATABASE_URL` names.
 *
 * Both are reached through the same `pg.Pool`, the same Prisma client and the same SQL. The embedded one has a single
 * connection, so nothing may wait for a second connection while it holds a transaction.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { PrismaPg } from "@prisma/adapter-pg";
import pg from "pg";
import { AppError } from "../errors/app-error.js";
import { lockFolder } from "./folder-lock.js";
import { PrismaClient } from "./generated/client.js";
import { migrate } from "./migrate.js";
import { PglitePool } from "./pglite-config.js";

export interface DatabaseOptions {
  /** A Postgres to use; null for the embedded one. */
  databaseUrl: string | null;
  /** Folder of the embedded Postgres; null keeps it in memory (tests). */
  folder: string | null;
  /** A packed data folder that a new embedded Postgres begins from, instead of an empty one (tests). */
  template?: Blob;
  /** Called with every SQL statement that Prisma sends. */
  onStatement?: (sql: string) => void;
  /** Connections to a real Postgres; default 10. */
  maxConnections?: number;
}

export interface Database {
  readonly kind: "embedded" | "postgres";
  readonly prisma: PrismaClient;
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

/** What a repository needs of Prisma, inside a transaction or out of it. */
export type PrismaTransaction = Parameters<
  Extract<Parameters<PrismaClient["$transaction"]>[0], (...args: never[]) => unknown>
>[0];

async function openPglite(folder: string | null, template?: Blob): Promise<PGlite> {
  if (folder === null) {
    return PGlite.create(template && { loadDataDir: template });
  }
  // A killed process leaves this behind; the lock file has already ruled out a living one.
  rmSync(join(folder, "postmaster.pid"), { force: true });
  const isNew = !existsSync(join(folder, "PG_VERSION"));
  return PGlite.create(folder, isNew && template ? { loadDataDir: template } : {});
}

/**
 * Opens the database and brings its schema up to date.
 *
 * @throws AppError `DATABASE_UNREACHABLE`, `DATA_FOLDER_LOCKED`, `MIGRATION_CHANGED`, `MIGRATION_FAILED`
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { databaseUrl, folder, onStatement, maxConnections = 10 } = options;
  const undo: (() => unknown)[] = [];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) {
      await step();
    }
  };
  try {
    let pool: pg.Pool;
    if (databaseUrl === null) {
      if (folder !== null) {
        undo.push(lockFolder(folder));
      }
      const pglite = await openPglite(
        folder === null ? null : join(folder, "pgdata"),
        options.template,
      );
      undo.push(() => pglite.close());
      pool = new PglitePool(pglite);
    } else {
      pool = new pg.Pool({ connectionString: databaseUrl, max: maxConnections });
    }
    pool.on("error", () => undefined); // an idle connection that broke; the next query reports it
    undo.push(() => pool.end());
    await pool.query("SELECT 1").catch((error: unknown) => {
      throw new AppError("DATABASE_UNREACHABLE", { reason: String(error) }, { cause: error });
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
