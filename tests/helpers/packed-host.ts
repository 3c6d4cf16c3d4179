/** @file An empty project with the packed tarball and its own copy of graphql. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const modules = resolve("node_modules");

/** Files that a clone lacks and packing does not read. */
const notCloned = [
  "node_modules",
  "dist",
  "dist-web",
  "src/db/generated",
  ".git",
  ".vitrine",
  "coverage",
  "runs",
];
const notPacked = ["tests", "results", "pretrain", "experiments"];

/**
 * Packs a clean copy of the repository like `npm pack` in a clone.
 *
 * @returns path of the tarball in `folder`
 */
export async function packRepository(folder: string): Promise<string> {
  const clone = join(folder, "clone");
  const left = new Set([...notCloned, ...notPacked].map(name => resolve(name)));
  await cp(".", clone, { recursive: true, filter: path => !left.has(resolve(path)) });
  await symlink(modules, join(clone, "node_modules"));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], {
    cwd: clone,
    maxBuffer: 2 ** 24,
  });
  await rm(clone, { recursive: true });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf("["))) as { filename: string }[];
  return join(folder, filename);
}

/**
 * Installs the tarball in an empty project as npm would, from this repository's packages: those that depend on graphql
 * are copied, so that they find the host's copy, the others linked.
 *
 * @param graphqlPackage The package of `node_modules` that becomes the host's graphql.
 * @returns folder of the project
 */
export async function installHost(
  folder: string,
  tarball: string,
  graphqlPackage: string,
): Promise<string> {
  const host = join(folder, "host");
  const target = join(host, "node_modules");
  await mkdir(target, { recursive: true });
  const copied = dependentsOf("graphql");
  for (const name of installedPackages()) {
    await mkdir(dirname(join(target, name)), { recursive: true });
    if (name === "graphql") {
      await cp(join(modules, graphqlPackage), join(target, name), { recursive: true });
    } else if (copied.has(name)) {
      await cp(join(modules, name), join(target, name), { recursive: true });
    } else {
      await symlink(join(modules, name), join(target, name));
    }
  }
  await run("tar", ["-xf", tarball, "-C", folder]);
  await rename(join(folder, "package"), join(target, "vitrine"));
  await writeFile(join(host, "package.json"), JSON.stringify({ name: "host", type: "module" }));
  return host;
}

function installedPackages(): string[] {
  return readdirSync(modules)
    .filter(name => !name.startsWith("."))
    .flatMap(name =>
      name.startsWith("@") ? readdirSync(join(modules, name)).map(part => `${name}/${part}`) : name,
    )
    .filter(name => existsSync(join(modules, name, "package.json")));
}

/** All direct and indirect dependents of the named package. */
function dependentsOf(name: string): Set<string> {
  const needs = new Map(
    installedPackages().map(dependent => {
      const text = readFileSync(join(modules, dependent, "package.json"), "utf8");
      const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(text) as Record<
        string,
        Record<string, string> | undefined
      >;
      const named = { ...dependencies, ...optionalDependencies, ...peerDependencies };
      return [dependent, Object.keys(named)];
    }),
  );
  const found = new Set([name]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const [dependent, needed] of needs) {
      if (needed.some(other => found.has(other))) {
        found.add(dependent);
      }
    }
  }
  return found;
}

export interface RunningHost {
  url: string;
  stop(): Promise<void>;
}

function environmentOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, TZ } = process.env;
  return { PATH, HOME, TMPDIR, TZ, ...env };
}

/** Runs a file of the host until it ends, and returns its output. */
export async function runHosted(
  host: string,
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const options = { cwd: host, env: environmentOf(env) };
  return (await run(process.execPath, [file, ...args], options)).stdout;
}

/** Runs a file of the host until it prints its address. */
export async function startHost(
  host: string,
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<RunningHost> {
  const child = spawn(process.execPath, [file], {
    cwd: host,
    env: environmentOf(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const url = await new Promise<string>((found, failed) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const address = /http:\/\/\S+/.exec(output)?.[0];
      if (address) {
        found(address);
      }
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("exit", code => {
      failed(new Error(`${file} ended with ${code}:\n${output}`));
    });
  });
  return {
    url,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGTERM");
        await once(child, "exit");
      }
    },
  };
}
