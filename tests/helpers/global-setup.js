/**
 * @file Jest runs this without its transforms, so it is plain JavaScript and uses `dist/`. Runs once before all tests: packs an empty, migrated embedded Postgres, since making one takes several seconds
 * and unpacking it one or two. The pack is kept between runs, under the hash of what it was made from.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import { migrate } from "../../dist/db/migrate.js";
import { pgliteConfig } from "../../dist/db/pglite-config.js";

const root = process.cwd();
const pgliteManifest = resolve(root, "node_modules/@electric-sql/pglite/package.json");

function templatePath() {
  const hash = createHash("sha256").update(readFileSync(pgliteManifest));
  for (const name of readdirSync(join(root, "migrations")).sort()) {
    const sql = join(root, "migrations", name, "migration.sql");
    hash.update(existsSync(sql) ? readFileSync(sql) : "");
  }
  return join(tmpdir(), `vitrine-template-${hash.digest("hex").slice(0, 16)}.tar`);
}

const globalSetup = async () => {
  const path = templatePath();
  process.env.VITRINE_TEST_TEMPLATE = path;
  if (existsSync(path)) {
    return;
  }
  const pglite = await PGlite.create();
  const pool = new pg.Pool(pgliteConfig(pglite));
  await migrate(pool, join(root, "migrations"));
  await pool.end();
  const pack = await pglite.dumpDataDir("none");
  await pglite.close();
  writeFileSync(`${path}.${process.pid}`, new Uint8Array(await pack.arrayBuffer()));
  renameSync(`${path}.${process.pid}`, path);
};

export default globalSetup;
