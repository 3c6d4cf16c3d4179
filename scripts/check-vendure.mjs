/**
 * @file Checks `packages/vendure-plugin` in its own dependency tree: lock file, types, lint, the packed package, and its tests against a
 * real Vendure and a real Vitrine. Needs the builds of the server and of `@vitrine/client`: run `npm run check:vendure`.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, "packages/vendure-plugin");
/** Catches what hangs; the tests take a minute or two. */
const TEST_TIMEOUT_MS = 15 * 60_000;

const env = { ...process.env, VENDURE_DISABLE_TELEMETRY: "1" };

function run(command, args, cwd = folder) {
  execFileSync(command, args, { cwd, env, stdio: "inherit" });
}
const tool = file => join(root, "node_modules", file);

run(process.execPath, [join(root, "scripts/lockfile.mjs"), "--check"]);
run("npm", ["ci"]);
for (const built of ["dist", "build-tests"]) {
  rmSync(join(folder, built), { recursive: true, force: true });
}
run("npm", ["run", "--silent", "build"]);
run(process.execPath, [tool("eslint/bin/eslint.js"), "--max-warnings", "0", folder], root);
run(process.execPath, [tool("publint/src/cli.js"), "--strict", folder], root);
run(
  process.execPath,
  [tool("@arethetypeswrong/cli/dist/index.js"), "--pack", folder, "--profile", "node16"],
  root,
);
run(join(folder, "node_modules/.bin/tsc"), ["-p", "tsconfig.json"]);
const options = ["--test-concurrency=1", `--test-timeout=${TEST_TIMEOUT_MS}`, "--test-force-exit"];
const files = ["options", "request-size", "shop", "postgres", "new-project"].map(
  name => `build-tests/tests/${name}.test.js`,
);
run(process.execPath, ["--test", ...options, ...files]);
