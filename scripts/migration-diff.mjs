/**
 * Prints the SQL from the state of `migrations/` to `prisma/schema.prisma`; nothing when they agree.
 *
 *   node scripts/migration-diff.mjs            the difference, as SQL
 *   node scripts/migration-diff.mjs --check    exit code 1 when there is one
 *
 * Prisma's schema engine runs here as WebAssembly against an in-memory PGlite, since its native binary is a download.
 */
import { readdirSync, readFileSync } from "node:fs";

import { PGlite } from "@electric-sql/pglite";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from "@prisma/driver-adapter-utils";
import pg from "pg";
import { pgliteConfig } from "../dist/db/pglite-config.js";

// The package's own entry imports a .wasm file, which Node 20 cannot: load it manually.
const engineFolder = new URL(".", import.meta.resolve("@prisma/schema-engine-wasm"));
const bindings = await import(new URL("schema_engine_bg.js", engineFolder).href);
const wasm = readFileSync(new URL("schema_engine_bg.wasm", engineFolder));
const { instance } = await WebAssembly.instantiate(wasm, {
  "./schema_engine_bg.js": bindings,
});
bindings.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start?.();

globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: message => console.error(message) };

/** Type ids of Postgres: the one-byte "char" of its catalogue, which the adapter cannot read, and text. */
const CHAR = 18;
const TEXT = 25;
const path = "prisma/schema.prisma";
const content = readFileSync(path, "utf8");
const applied = await PGlite.create();
for (const name of readdirSync("migrations").sort()) {
  if (!name.endsWith(".toml")) {
    await applied.exec(readFileSync(`migrations/${name}/migration.sql`, "utf8"));
  }
}
// Drop what Prisma's schema language cannot express and only the migrations contain.
const config = pgliteConfig(applied);
config.connection.prependListener("rowDescription", ({ fields }) => {
  for (const field of fields.filter(({ dataTypeID }) => dataTypeID === CHAR)) {
    field.dataTypeID = TEXT;
  }
});
const pool = new pg.Pool(config);
const factory = new PrismaPg(pool);
const connect = factory.connect.bind(factory);
factory.connect = async () => {
  const connection = await connect();
  const queryRaw = connection.queryRaw.bind(connection);
  connection.queryRaw = async query => {
    const result = await queryRaw(query);
    // The engine expects a character here.
    result.columnNames.forEach((name, index) => {
      if (name === "constraint_type") {
        result.columnTypes[index] = ColumnTypeEnum.Character;
      }
    });
    return result;
  };
  return connection;
};
const adapter = bindMigrationAwareSqlAdapterFactory(factory);
const datamodels = [[path, content]];
const engine = await bindings.SchemaEngine.new(
  { datamodels, noColor: true },
  () => undefined,
  adapter,
);
const { stdout } = await engine.diff({
  from: { tag: "schemaDatasource", files: [{ path, content }], configDir: "prisma" },
  to: { tag: "schemaDatamodel", files: [{ path, content }] },
  script: true,
  exitCode: null,
  filters: { externalTables: [], externalEnums: [] },
  shadowDatabaseUrl: null,
});
const sql = (stdout ?? "").replace(/^-- This is an empty migration\.\s*/, "").trim();
if (sql) {
  console.log(sql);
}
await pool.end();
await applied.close();
process.exit(sql && process.argv.includes("--check") ? 1 : 0);
