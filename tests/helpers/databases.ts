/** @file Runs a set of tests on the embedded Postgres and, if available, on a real one. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import pg from "pg";
import { type Database, type DatabaseOptions, openDatabase } from "../../src/db/database.js";
import { patience } from "./patience.js";

/**
 * Opens a migrated, empty database; the helper closes it after the block's last test. A second call in one block opens
 * the same database on a real Postgres (as another process would), and another empty one when embedded.
 */
export type OpenDatabase = (
  options?: Pick<DatabaseOptions, "onStatement" | "maxConnections">,
) => Promise<Database>;

/** The Postgres in which the tests may create databases. */
export const testDatabaseUrl =
  process.env.VITRINE_TEST_DATABASE_URL ?? "postgresql://postgres@127.0.0.1:5432/postgres";

/** An empty, migrated embedded Postgres, packed by `global-setup.ts`. */
export function emptyTemplate(): Blob {
  return new Blob([readFileSync(process.env.VITRINE_TEST_TEMPLATE!)]);
}

/** Not UTC, like many shops' databases: a time read or written in the session's zone is off by hours. */
export const testTimeZone = "America/New_York";

async function run(sql: string): Promise<void> {
  const client = new pg.Client({
    connectionString: testDatabaseUrl,
    connectionTimeoutMillis: patience(2_000),
  });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Why no real Postgres is available; null if one is. Checked once, before any test is declared. */
export const whyNoPostgres = await run("SELECT 1").then(
  () => null,
  (error: unknown) => (error instanceof Error ? error.message || String(error) : String(error)),
);

/** Declares the tests of `body` once for each kind of database; without a real Postgres the second set is skipped. */
export function describeOnEveryDatabase(
  name: string,
  body: (open: OpenDatabase, kind: Database["kind"]) => void,
): void {
  describe(`${name} (embedded)`, () => {
    const opened: Database[] = [];
    afterAll(async () => {
      await Promise.all(opened.map(database => database.close()));
    });
    body(async options => {
      const database = await openDatabase({
        databaseUrl: null,
        folder: null,
        template: emptyTemplate(),
        ...options,
      });
      opened.push(database);
      return database;
    }, "embedded");
  });

  if (whyNoPostgres !== null) {
    describe.skip(`${name} (Postgres: ${whyNoPostgres})`, () => {
      body(() => Promise.reject(new Error("skipped")), "postgres");
    });
    return;
  }
  describe(`${name} (Postgres)`, () => {
    const opened: Database[] = [];
    const databaseName = `vitrine_test_${randomUUID().replaceAll("-", "")}`;
    const url = new URL(testDatabaseUrl);
    url.pathname = `/${databaseName}`;
    beforeAll(async () => {
      await run(`CREATE DATABASE ${databaseName}`);
      await run(`ALTER DATABASE ${databaseName} SET timezone = '${testTimeZone}'`);
      await run(`ALTER DATABASE ${databaseName} SET datestyle = 'German'`);
    });
    afterAll(async () => {
      await Promise.all(opened.map(database => database.close()));
      await run(`DROP DATABASE IF EXISTS ${databaseName} WITH (FORCE)`);
    });
    body(async options => {
      const database = await openDatabase({ databaseUrl: url.href, folder: null, ...options });
      opened.push(database);
      return database;
    }, "postgres");
  });
}
