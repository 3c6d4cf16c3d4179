/** @file Installs an npm package into a folder, at the user's command. Nothing of the package runs. */
import { execFile } from "node:child_process";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { pathExists } from "../db/local-files.js";
import { AppError } from "../errors/app-error.js";

const run = promisify(execFile);

/** A slow network gets this long, in milliseconds. */
const TIMEOUT_MS = 300_000;
/** Of npm's answer, for people. */
const MAX_REASON_CHARACTERS = 300;

export interface InstallOptions {
  /** Whether the network is forbidden. */
  isOffline: boolean;
  signal: AbortSignal;
  /** The program; default `npm`. */
  npm?: string;
}

/**
 * Installs one version of a package and its dependencies below `folder`, without their scripts, unless it is there. A killed
 * installation leaves nothing that a later call takes for a package.
 *
 * @returns the package's folder.
 * @throws AppError `OFFLINE`, `PACKAGE_NOT_INSTALLED`
 */
export async function installPackage(
  name: string,
  version: string,
  folder: string,
  { isOffline, npm = "npm", signal }: InstallOptions,
): Promise<string> {
  const target = join(folder, version);
  const installed = join(target, "node_modules", ...name.split("/"));
  if (pathExists(installed)) {
    return installed;
  }
  if (isOffline) {
    throw new AppError("OFFLINE", { what: `The npm package '${name}'` });
  }
  const partial = join(folder, `${version}.partial`);
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const flags = ["--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--no-package-lock"];
  const args = ["install", ...flags, "--prefix", partial, `${name}@${version}`];
  try {
    await run(npm, args, {
      cwd: partial,
      signal,
      timeout: TIMEOUT_MS,
      shell: process.platform === "win32", // npm is a script there
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new AppError(
      "PACKAGE_NOT_INSTALLED",
      { name, reason: reasonOf(error) },
      { cause: error },
    );
  }
  if (!pathExists(join(partial, "node_modules", ...name.split("/")))) {
    const reason = `npm ended well, but ${partial} has no such package`;
    throw new AppError("PACKAGE_NOT_INSTALLED", { name, reason });
  }
  await mkdir(dirname(target), { recursive: true });
  await rename(partial, target);
  return installed;
}

/** npm's own words, or the program's absence. */
function reasonOf(error: unknown): string {
  const { code, killed, message, stderr } = error as Error & {
    code?: string;
    killed?: boolean;
    stderr?: string;
  };
  if (code === "ENOENT") {
    return "there is no program 'npm' (it comes with Node)";
  }
  if (killed) {
    return `it took longer than ${TIMEOUT_MS / 1_000} s`;
  }
  const lines = (stderr ?? "")
    .split("\n")
    .map(line => line.replace(/^npm (error|ERR!)\s*/i, "").trim())
    .filter(line => line !== "" && !line.startsWith("npm ") && !/log of this run|_logs/.test(line));
  return (lines.join(" ") || message).slice(0, MAX_REASON_CHARACTERS);
}
