import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import { JobsRepository } from "../../../src/db/jobs.repository.js";
import { migrate, migrationsFolder } from "../../../src/db/migrate.js";
import { pgliteConfig } from "../../../src/db/pglite-config.js";

/** A copy of the migrations that a test may corrupt. */
function copyOfMigrations(): string {
  const folder = join(mkdtempSync(join(tmpdir(), "vitrine-migrations-")), "migrations");
  cpSync(migrationsFolder, folder, { recursive: true });
  return folder;
}

function addMigration(folder: string, name: string, sql: string): void {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "migration.sql"), sql);
}

describe("migrate()", () => {
  let pglite: PGlite;
  let pool: pg.Pool;

  beforeAll(async () => {
    pglite = await PGlite.create();
    pool = new pg.Pool(pgliteConfig(pglite));
  });
  beforeEach(() =>
    pool.query(
      "DROP SCHEMA IF EXISTS pgboss CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public",
    ),
  );
  afterAll(async () => {
    await pool.end();
    await pglite.close();
  });

  it("applies each migration once, in order, and records it as Prisma does", async () => {
    const names = readdirSync(migrationsFolder).filter(name => !name.endsWith(".toml"));
    expect(await migrate(pool)).toEqual(names.sort());
    expect(await migrate(pool)).toEqual([]);
    const { rows } = await pool.query(
      "SELECT migration_name, length(checksum) AS length, applied_steps_count, finished_at IS NOT NULL AS finished FROM _prisma_migrations",
    );
    expect(rows).toEqual(
      names.map(name => ({
        migration_name: name,
        length: 64,
        applied_steps_count: 1,
        finished: true,
      })),
    );
  });

  it("counts requests decided before the table of decided requests existed", async () => {
    const name = "20261130035900_decided_requests";
    const folder = copyOfMigrations();
    const later = readdirSync(folder).filter(other => !other.endsWith(".toml") && other >= name);
    later.forEach(other => {
      rmSync(join(folder, other), { recursive: true });
    });
    await migrate(pool, folder);
    const key = (digit: string) => digit.repeat(64);
    await pool.query(`
      INSERT INTO users (id) VALUES ('u');
      INSERT INTO items (id, title, description, updated_at) VALUES ('i', 'I', '', now());
      INSERT INTO blobs (hash, media_type, size_bytes, width_pixels, height_pixels) VALUES ('${key("b")}', 'image/png', 1, 1, 1);
      INSERT INTO ranking_model_versions (id, algorithm, config, seed, activated_at) VALUES
        ('00000000-0000-4000-8000-000000000001', 'MICRO', '{}', 1, '2026-01-01T00:00:00Z'),
        ('00000000-0000-4000-8000-000000000002', 'LightGCN', '{}', 1, '2026-02-01T00:00:00Z');
      INSERT INTO personalized_images (id, request_key, user_id, item_id, blob_hash, source_blob_hash, seed, generator,
        prompt_version, provenance, caption_similarity, image_similarity, generation_seconds, created_at) VALUES
        ('00000000-0000-4000-9000-000000000001', '${key("1")}', 'u', 'i', '${key("b")}', '${key("b")}', 1, 'g', '1',
          '{"rankingModelVersionId": "00000000-0000-4000-8000-000000000001"}', 0, 0, 1, '2026-03-01T00:00:00Z'),
        ('00000000-0000-4000-9000-000000000002', '${key("2")}', 'u', 'i', '${key("b")}', '${key("b")}', 1, 'g', '1',
          '{"rankingModelVersionId": null}', 0, 0, 1, '2026-03-01T00:00:00Z'),
        ('00000000-0000-4000-9000-000000000003', '${key("3")}', 'u', 'i', '${key("b")}', '${key("b")}', 1, 'g', '1',
          '{}', 0, 0, 1, '2025-12-01T00:00:00Z');
      INSERT INTO jobs (id, kind, state, payload, result, dedupe_key, user_id, item_id, finished_at) VALUES
        (gen_random_uuid(), 'PERSONALIZE_IMAGE', 'SUCCEEDED', '{}', '{"originalReason": "BELOW_QUALITY_FLOOR"}', '${key("4")}', 'u', 'i', '2026-01-02T00:00:00Z'),
        (gen_random_uuid(), 'PERSONALIZE_IMAGE', 'SUCCEEDED', '{}', '{"originalReason": "BELOW_QUALITY_FLOOR"}', '${key("4")}', 'u', 'i', '2026-03-02T00:00:00Z'),
        (gen_random_uuid(), 'PERSONALIZE_IMAGE', 'SUCCEEDED', '{}', '{"imageId": "x"}', '${key("1")}', 'u', 'i', '2026-03-02T00:00:00Z'),
        (gen_random_uuid(), 'PERSONALIZE_IMAGE', 'CANCELLED', '{}', NULL, '${key("5")}', 'u', 'i', '2026-03-02T00:00:00Z')`);
    expect(await migrate(pool)).toEqual(later.sort());
    const { rows } = await pool.query(`
      SELECT request_key, ranking_model_version_id::text AS version, 'image' AS kind FROM personalized_images
      UNION ALL SELECT request_key, ranking_model_version_id::text, reason FROM image_refusals ORDER BY 1`);
    expect(rows).toEqual([
      { request_key: key("1"), version: "00000000-0000-4000-8000-000000000001", kind: "image" },
      { request_key: key("2"), version: "00000000-0000-4000-8000-000000000002", kind: "image" },
      { request_key: key("3"), version: null, kind: "image" },
      {
        request_key: key("4"),
        version: "00000000-0000-4000-8000-000000000001",
        kind: "BELOW_QUALITY_FLOOR",
      },
    ]);
  });

  describe("from a version whose queue was pg-boss", () => {
    const name = "20261130090000_one_record_of_a_job";
    const id = (digit: number) => `00000000-0000-4000-8000-00000000000${digit}`;

    /** A database of the version before: jobs in both records, as the processes left them when they stopped. */
    async function migrateToBefore(): Promise<string[]> {
      const folder = copyOfMigrations();
      const later = readdirSync(folder).filter(other => !other.endsWith(".toml") && other >= name);
      later.forEach(other => {
        rmSync(join(folder, other), { recursive: true });
      });
      await migrate(pool, folder);
      await pool.query(
        readFileSync(join(import.meta.dirname, "../../fixtures/pgboss-10.4.2.sql"), "utf8"),
      );
      for (const queue of ["PERSONALIZE_IMAGE_LIVE", "PERSONALIZE_IMAGE", "INDEX", "JUDGE"]) {
        await pool.query("SELECT pgboss.create_queue($1, '{}')", [queue]);
      }
      await pool.query(`
        INSERT INTO users (id) VALUES ('u');
        INSERT INTO items (id, title, description, updated_at) VALUES ('i', 'I', '', now());
        INSERT INTO jobs (id, kind, state, payload, priority, attempts, heartbeat_at, finished_at, user_id, item_id) VALUES
          ('${id(1)}', 'PERSONALIZE_IMAGE', 'QUEUED', '{"userId": "u"}', 0, 0, NULL, NULL, 'u', 'i'),
          ('${id(2)}', 'PERSONALIZE_IMAGE', 'QUEUED', '{"userId": "u"}', 1, 0, NULL, NULL, 'u', 'i'),
          ('${id(3)}', 'PERSONALIZE_IMAGE', 'RUNNING', '{}', 0, 1, now() - interval '1 minute', NULL, 'u', 'i'),
          ('${id(4)}', 'INDEX', 'QUEUED', '{}', 0, 1, NULL, NULL, NULL, NULL),
          ('${id(5)}', 'INDEX', 'SUCCEEDED', '{}', 0, 1, now(), now(), NULL, NULL);
        INSERT INTO pgboss.job (id, name, state, started_on) VALUES
          ('${id(2)}', 'PERSONALIZE_IMAGE_LIVE', 'created', NULL),
          ('${id(3)}', 'PERSONALIZE_IMAGE', 'active', now() - interval '1 minute'),
          ('${id(4)}', 'INDEX', 'active', now())`); // 1: its entry was never written; 4: claimed and not begun
      return later;
    }

    it("keeps every job that waits or runs, and drops the schema", async () => {
      expect(await migrate(pool, migrationsFolder).then(() => migrate(pool))).toEqual([]); // none without the schema
      await pool.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
      const later = await migrateToBefore();
      expect(await migrate(pool)).toEqual(later.sort());
      const { rows } = await pool.query("SELECT FROM pg_namespace WHERE nspname = 'pgboss'");
      expect(rows).toEqual([]);
      const jobs = new JobsRepository(pool);
      expect(await jobs.claim("PERSONALIZE_IMAGE")).toMatchObject({ id: id(2), attempts: 1 });
      expect(await jobs.claim("PERSONALIZE_IMAGE")).toMatchObject({ id: id(1), itemId: "i" });
      expect(await jobs.claim("INDEX")).toMatchObject({ id: id(4), attempts: 2 });
      expect(await jobs.claim("INDEX")).toBeNull();
      expect(await jobs.takeFromLostWorkers([], 30_000)).toMatchObject([{ id: id(3) }]);
      expect(await jobs.claim("PERSONALIZE_IMAGE")).toMatchObject({ id: id(3), attempts: 2 });
    });

    it("leaves the schema of a host whose pg-boss Vitrine never used", async () => {
      await pool.query(`
        CREATE SCHEMA pgboss;
        CREATE TABLE pgboss.queue (name text);
        INSERT INTO pgboss.queue VALUES ('IMPORT'), ('mails')`); // newer versions have no archive
      await migrate(pool);
      expect((await pool.query("SELECT FROM pgboss.queue")).rowCount).toBe(2);
    });

    it("leaves the queues that a host has in the same schema", async () => {
      await migrateToBefore();
      await pool.query(`
        SELECT pgboss.create_queue('mails', '{}');
        INSERT INTO pgboss.job (name, data) VALUES ('mails', '{"to": "anna"}')`);
      await migrate(pool);
      expect((await pool.query("SELECT name, data FROM pgboss.job")).rows).toEqual([
        { name: "mails", data: { to: "anna" } },
      ]);
      expect((await pool.query("SELECT name FROM pgboss.queue")).rows).toEqual([{ name: "mails" }]);
    });
  });

  it("rolls back a failed migration, so that a fixed one can follow", async () => {
    const folder = copyOfMigrations();
    addMigration(folder, "29991231000000_bad", "CREATE TABLE half (id int); SELECT nonsense;");
    await expect(migrate(pool, folder)).rejects.toThrow("nonsense");
    expect((await pool.query("SELECT to_regclass('half') AS found")).rows).toEqual([
      { found: null },
    ]);
    writeFileSync(
      join(folder, "29991231000000_bad", "migration.sql"),
      "CREATE TABLE half (id int);",
    );
    expect(await migrate(pool, folder)).toEqual(["29991231000000_bad"]);
  });

  it("refuses a migration that was edited after it was applied", async () => {
    const folder = copyOfMigrations();
    addMigration(folder, "29991231000000_more", "CREATE TABLE more (id int);");
    await migrate(pool, folder);
    writeFileSync(
      join(folder, "29991231000000_more", "migration.sql"),
      "CREATE TABLE less (id int);",
    );
    await expect(migrate(pool, folder)).rejects.toMatchObject({
      code: "MIGRATION_CHANGED",
      details: { name: "29991231000000_more" },
    });
  });

  it("refuses to continue after an unfinished migration", async () => {
    await migrate(pool);
    await pool.query("UPDATE _prisma_migrations SET finished_at = NULL");
    await expect(migrate(pool)).rejects.toMatchObject({ code: "MIGRATION_FAILED" });
  });
});
