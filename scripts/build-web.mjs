/**
 * @file Builds the pages into `dist-web`, unless they were built from the same files: `npm run build:web`.
 *
 * `dist-web/stamp` holds the hash of the inputs. `--force` builds in any case.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const root = resolve(import.meta.dirname, "..");
const stamp = join(root, "dist-web/stamp");

function hashOfInputs() {
  const hash = createHash("sha256");
  const files = readdirSync(join(root, "web"), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !entry.name.endsWith(".graphql"))
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
    .sort();
  for (const file of [...files, "package-lock.json", "scripts/build-web.mjs"]) {
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}

/** Beside each file its compressed forms, which the server sends as they are. */
function compressAssets() {
  const folder = join(root, "dist-web/assets");
  for (const name of readdirSync(folder).filter(file => /\.(js|css|svg)$/.test(file))) {
    const bytes = readFileSync(join(folder, name));
    writeFileSync(join(folder, `${name}.gz`), gzipSync(bytes, { level: 9 }));
    writeFileSync(join(folder, `${name}.br`), brotliCompressSync(bytes));
  }
}

const wanted = hashOfInputs();
const isBuilt = existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;
if (!isBuilt || process.argv.includes("--force")) {
  const { build } = await import("vite");
  await build({ configFile: join(root, "web/vite.config.mjs"), logLevel: "warn" });
  compressAssets();
  writeFileSync(stamp, wanted);
}
