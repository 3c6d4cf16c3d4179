import { cpSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import { migrate, migrationsFolder } from "../../../src/db/migrate.js";
import { pgliteConfig } from "../../../src/db/pglite-config.js";

/** A copy of the migrations that a test may spoil. */
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
  beforeEach(() => pool.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
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

  it("leaves nothing of a migration that fails, so that a mended one can follow", async () => {
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

  it("refuses to go on after a migration that was begun and never finished", async () => {
    await migrate(pool);
    await pool.query("UPDATE _prisma_migrations SET finished_at = NULL");
    await expect(migrate(pool)).rejects.toMatchObject({ code: "MIGRATION_FAILED" });
  });
});
