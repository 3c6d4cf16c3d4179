/**
 * Removes the install-script mark of packages in `package-lock.json` that `allowScripts` of `package.json`
 * forbids. npm 11 reads `allowScripts` itself. npm 10 does not, but `npm ci` runs only the scripts that the lock file
 * marks: without this, onnxruntime-node's script downloads CUDA libraries that nothing here uses.
 *
 *   node scripts/lockfile.mjs            fixes the file (npm runs this after each install)
 *   node scripts/lockfile.mjs --check    exit code 1 when there is something to fix
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const path = "package-lock.json";
if (!existsSync(path)) {
  process.exit(0);
}
const before = readFileSync(path, "utf8");
const lock = JSON.parse(before);
const { allowScripts } = JSON.parse(readFileSync("package.json", "utf8"));
for (const [folder, entry] of Object.entries(lock.packages)) {
  const name = folder.split("node_modules/").at(-1);
  if (entry.hasInstallScript && allowScripts[name] === false) {
    delete entry.hasInstallScript;
  }
}
const after = `${JSON.stringify(lock, null, 2)}\n`;
if (after === before) {
  process.exit(0);
}
if (process.argv.includes("--check")) {
  console.error(`${path} marks scripts that package.json forbids; run 'node scripts/lockfile.mjs'`);
  process.exit(1);
}
writeFileSync(path, after);
