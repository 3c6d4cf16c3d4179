/** @file Files of users: what they give a command or import, and what they ask for. Vitrine's own are in an `ArtefactStore`. */
import { createReadStream, existsSync, readdirSync, type Stats } from "node:fs";
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AppError } from "../errors/app-error.js";

/** Faults of one path, not of the disk. */
const UNREADABLE = /^(ENOENT|EISDIR|ENOTDIR|ELOOP|ENAMETOOLONG|EACCES|EPERM)$/;

/** Replaces a file whole or not at all. */
export async function writeAtomically(path: string, bytes: Uint8Array | string): Promise<void> {
  await writeThrough(`${path}.${process.pid}.tmp`, path, bytes);
}

/** Writes and syncs `temporary`, then renames it to `path`. @param temporary A file on the same disk; removed on failure. */
export async function writeThrough(
  temporary: string,
  path: string,
  bytes: Uint8Array | string,
): Promise<void> {
  try {
    await writeFile(temporary, bytes, { flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first fault says more
    throw error;
  }
}

/** @throws AppError `FILE_NOT_FOUND` */
export async function readLocal(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => rethrow(error, path));
}

/** Writes a file and the folders above it. */
export async function writeLocal(path: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

export function appendLocal(path: string, text: string): Promise<void> {
  return appendFile(path, text);
}

/** @throws AppError `FILE_NOT_FOUND` */
export async function statLocal(path: string): Promise<Stats> {
  return stat(path).catch((error: unknown) => rethrow(error, path));
}

export function pathExists(path: string): boolean {
  return existsSync(path);
}

/** The names in a folder. */
export function listNames(folder: string): string[] {
  return readdirSync(folder);
}

/** Relative paths of everything in a folder and its subfolders; empty without such a folder. */
export async function listPaths(folder: string): Promise<string[]> {
  return readdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") {
      return [];
    }
    throw error;
  });
}

/**
 * Streams a file's bytes from `start` (default: the beginning) to `end`, inclusive (default: the end).
 *
 * @throws AppError `FILE_NOT_FOUND`, when it is read
 */
export async function* openFile(path: string, start = 0, end?: number): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path, { start, end }) as AsyncIterable<Buffer>;
  } catch (error) {
    if (["ENOENT", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) {
      throw new AppError("FILE_NOT_FOUND", { path }, { cause: error });
    }
    throw error;
  }
}

/** The bytes that `write` writes to the path it is given. The file is gone afterwards. */
export async function withTemporaryFile(
  write: (path: string) => Promise<void>,
): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), "vitrine-"));
  try {
    const path = join(folder, "file");
    await write(path);
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function rethrow(error: unknown, path: string): never {
  throw UNREADABLE.test((error as NodeJS.ErrnoException).code ?? "")
    ? new AppError("FILE_NOT_FOUND", { path }, { cause: error })
    : error;
}
