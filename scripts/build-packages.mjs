/**
 * @file Builds the packages of `packages/`: ES modules and CommonJS, each with its types.
 *
 *   node scripts/build-packages.mjs            builds
 *   node scripts/build-packages.mjs --check    builds, then checks each as npm would publish it: publint, are-the-types-wrong,
 *                                              the size of what a page loads, and a strict consumer
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, "packages");
/** Compressed JavaScript that a page loads at once, at most, in bytes: of the package itself. */
const budgets = {
  "@vitrine/client": 6 * 1024,
  "@vitrine/element": 3 * 1024,
  "@vitrine/react": 3 * 1024,
};
/** Types that a consumer of a peer needs. */
const typesOf = { react: ["@types/react", "csstype"] };

function run(file, args) {
  try {
    return execFileSync(process.execPath, [join(root, "node_modules", file), ...args], {
      cwd: root,
      encoding: "utf8",
    });
  } catch (error) {
    console.error(error.stdout, error.stderr);
    throw new Error(`${file} ${args.join(" ")} failed`, { cause: error });
  }
}

function build(path) {
  const dist = join(path, "dist");
  rmSync(dist, { recursive: true, force: true });
  run("typescript/bin/tsc", ["-p", path, "--outDir", join(dist, "esm")]);
  // CommonJS is emitted under the resolution of before `exports`, which must be told where the client's parts are.
  const clientParts = join(folder, "client/dist/cjs/*.d.ts");
  const compilerOptions = {
    ...{ module: "CommonJS", moduleResolution: "Node10", rootDir: "../src", outDir: "cjs" },
    paths: { "@vitrine/client/*": [clientParts] },
  };
  const config = join(dist, "tsconfig.json");
  writeFileSync(
    config,
    JSON.stringify({ extends: "../tsconfig.json", compilerOptions, include: ["../src"] }),
  );
  run("typescript/bin/tsc", ["-p", config]);
  rmSync(config);
  writeFileSync(join(dist, "cjs/package.json"), '{ "type": "commonjs" }\n');
}

/** Bytes of compressed JavaScript: at once, and of each part that is loaded when it is needed. */
async function sizesOf(path) {
  const bundle = await rolldown({
    input: join(path, "dist/esm/index.js"),
    platform: "browser",
    external: [/^react/],
    logLevel: "silent",
  });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  const [first, ...later] = output.map(({ code }) => gzipSync(code, { level: 9 }).length);
  return { first, later };
}

/** A project that has the package as npm would install it compiles under `strict`, with types checked in the package too. */
function checkConsumer(path, tarball, { name, dependencies = {}, peerDependencies = {} }) {
  const project = mkdtempSync(join(tmpdir(), "vitrine-consumer-"));
  try {
    const modules = join(project, "node_modules");
    const target = join(modules, name);
    mkdirSync(target, { recursive: true });
    execFileSync("tar", ["xzf", tarball, "--strip-components=1", "-C", target]);
    const needed = Object.keys({ ...dependencies, ...peerDependencies });
    for (const dependency of needed.flatMap(needs => [needs, ...(typesOf[needs] ?? [])])) {
      mkdirSync(join(modules, dependency, ".."), { recursive: true });
      symlinkSync(join(root, "node_modules", dependency), join(modules, dependency));
    }
    for (const [type, extension, module] of [
      ["module", "mts", "NodeNext"],
      ["commonjs", "cts", "NodeNext"],
      ["module", "ts", "ESNext"],
    ]) {
      writeFileSync(join(project, "package.json"), JSON.stringify({ type }));
      const source = readFileSync(join(path, "consumer.txt"), "utf8");
      writeFileSync(join(project, `consumer.${extension}`), source);
      const moduleResolution = module === "ESNext" ? "Bundler" : module;
      const compilerOptions = {
        ...{ strict: true, noEmit: true, skipLibCheck: false, target: "ES2022", types: [] },
        ...{ lib: ["ES2023", "DOM", "DOM.Iterable"], module, moduleResolution },
      };
      const config = { compilerOptions, files: [`consumer.${extension}`] };
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify(config));
      run("typescript/bin/tsc", ["-p", project]);
    }
    const load = [`import("${name}")`, `Promise.resolve(require("${name}"))`];
    for (const [place, expression] of load.entries()) {
      const script = join(project, `load.${place === 0 ? "mjs" : "cjs"}`);
      writeFileSync(
        script,
        `${expression}.then(m => { if (Object.keys(m).length === 0) process.exit(1); });`,
      );
      execFileSync(process.execPath, [script], { cwd: project });
    }
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

async function check(path, manifest) {
  run("publint/src/cli.js", ["--strict", path]);
  const packed = mkdtempSync(join(tmpdir(), "vitrine-pack-"));
  try {
    const told = execFileSync("npm", ["pack", "--json", "--pack-destination", packed], {
      cwd: path,
      encoding: "utf8",
    });
    const [{ filename, size, unpackedSize }] = JSON.parse(told);
    const tarball = join(packed, filename);
    // Resolution as before Node 12 knows no `exports`, and so no part of a package.
    run("@arethetypeswrong/cli/dist/index.js", [tarball, "--profile", "node16"]);
    checkConsumer(path, tarball, manifest);
    const { first, later } = await sizesOf(path);
    const budget = budgets[manifest.name];
    console.log(
      `${manifest.name}: packed ${size} bytes, unpacked ${unpackedSize}; a page loads ${first} bytes (limit ${budget}), ` +
        `and ${later.join(" + ") || "nothing"} when needed; publint, attw and strict consumers are clean`,
    );
    if (first > budget) {
      throw new Error(`${manifest.name} is larger than its limit`);
    }
  } finally {
    rmSync(packed, { recursive: true, force: true });
  }
}

// The client first: the others are compiled against it.
const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const names = workspaces
  .map(path => basename(path))
  .sort((one, other) => (one === "client" ? -1 : other === "client" ? 1 : 0));
for (const name of names) {
  const path = join(folder, name);
  const manifest = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  build(path);
  if (process.argv.includes("--check")) {
    await check(path, manifest);
  }
}
