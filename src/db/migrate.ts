/**
 * @file Applies `migrations/<name>/migration.sql` in order.
 *
 * Uses Prisma's own table (`_prisma_migrations`), checksums and advisory lock, so `prisma migrate deploy` can continue
 * its work and vice versa, without Prisma's native engine.
 */
import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Pool, PoolClient } from "pg";
import { AppError } from "../errors/app-error.js";

/** Prisma's advisory lock. */
const PRISMA_LOCK = 72_707_369;

/** The package's `migrations` folder. */
export const migrationsFolder = resolve(import.meta.dirname, "../../migrations");

interface AppliedMigration {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
}

async function apply(client: PoolClient, name: string, sql: string, checksum: string) {
  const id = randomUUID();
  // Recorded first and outside the transaction, so that a half-applied migration is detected, not repeated.
  await client.query(
    "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)",
    [id, checksum, name],
  );
  try {
    await client.query(`BEGIN;\n${sql}\nCOMMIT;`);
  } catch (error) {
    await client.query("ROLLBACK");
    await client.query("DELETE FROM _prisma_migrations WHERE id = $1", [id]);
    throw error;
  }
  await client.query(
    "UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = $1",
    [id],
  );
}

/**
 * Migrates the database to the newest migration.
 *
 * @returns the names of the applied migrations.
 * @throws AppError `MIGRATION_CHANGED`, `MIGRATION_FAILED`
 */
export async function migrate(pool: Pool, folder = migrationsFolder): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.flatMap(entry => (entry.isDirectory() ? entry.name : [])).sort();
  const client = await pool.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [PRISMA_LOCK]);
    await client.query(
      `CREATE TABLE IF NOT EXISTS _prisma_migrations (
         id VARCHAR(36) PRIMARY KEY NOT NULL,
         checksum VARCHAR(64) NOT NULL,
         finished_at TIMESTAMPTZ,
         migration_name VARCHAR(255) NOT NULL,
         logs TEXT,
         rolled_back_at TIMESTAMPTZ,
         started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
         applied_steps_count INTEGER NOT NULL DEFAULT 0
       )`,
    );
    const { rows } = await client.query<AppliedMigration>(
      "SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL",
    );
    const applied = new Map(rows.map(row => [row.migration_name, row]));
    const done: string[] = [];
    for (const name of names) {
      const sql = await readFile(join(folder, name, "migration.sql"), "utf8");
      const checksum = createHash("sha256").update(sql).digest("hex");
      const earlier = applied.get(name);
      if (earlier && !earlier.finished_at) {
        throw new AppError("MIGRATION_FAILED", { name });
      }
      if (earlier && earlier.checksum !== checksum) {
        throw new AppError("MIGRATION_CHANGED", { name });
      }
      if (!earlier) {
        await apply(client, name, sql, checksum);
        done.push(name);
      }
    }
    return done;
  } finally {
    await client.query("SELECT pg_advisory_unlock($1)", [PRISMA_LOCK]).catch(() => undefined);
    client.release();
  }
}
