/**
 * @file Where Vitrine keeps its files: images, models, indexes, results. The default is a folder, `VITRINE_HOME`.
 *
 * A key is a relative path with forward slashes, such as `rankers/<version>/config.json`.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../errors/app-error.js";
import { storageFault } from "./environment-fault.js";
import { writeThrough } from "./local-files.js";

export interface ArtefactEntry {
  readonly key: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
}

/** A host may give its own to `createPlugin`. Several calls, also of several processes, may run at the same time. */
export interface ArtefactStore {
  /** The bytes under this key; null if there are none. A store's own faults may be AppErrors such as `DISK_FULL`. */
  get(key: string): Promise<Uint8Array | null>;

  /**
   * Stores the bytes, replacing those of the key. Readers see either the old bytes or the new ones, never a part, even after
   * a crash.
   */
  put(key: string, bytes: Uint8Array): Promise<void>;

  /** Deletes the key. An absent key is not an error. */
  delete(key: string): Promise<void>;

  /** The entry of the key `prefix`, and those of all keys that begin with `prefix` and a slash, sorted by key. */
  list(prefix: string): Promise<readonly ArtefactEntry[]>;

  /**
   * The path of a local file with the bytes, for libraries that read files themselves. It stays until the key is deleted or
   * the process ends. Do not write to it.
   *
   * @throws AppError `FILE_NOT_FOUND`
   */
  openLocal(key: string): Promise<string>;
}

/** A file being written is younger than this; a killed process left an older one behind. */
const ABANDONED_AFTER_MS = 10 * 60_000;
/** Beside the files, on the same disk: a rename cannot cross disks. */
const WRITING = ".tmp";

/** Files below one folder: `<root>/<key>`. Each is written under another name, synced, then renamed. */
export class FolderArtefactStore implements ArtefactStore {
  /** Folders of files being written, by their path: made, and swept of what killed processes left. */
  private readonly writing = new Map<string, Promise<void>>();

  constructor(private readonly root: string) {}

  async get(key: string): Promise<Uint8Array | null> {
    return orNull(readFile(this.pathOf(key)), key);
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.pathOf(key);
    const folder = join(this.root, ...key.split("/").slice(0, -1).slice(0, 1), WRITING);
    try {
      await this.prepare(folder);
      await mkdir(dirname(path), { recursive: true });
      await writeThrough(join(folder, randomUUID()), path, bytes);
    } catch (error) {
      throw storageFault(error, placeOf(key), "written") ?? error;
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.pathOf(key), { force: true }).catch((error: unknown) => {
      throw storageFault(error, placeOf(key), "written") ?? error;
    });
  }

  async list(prefix: string): Promise<readonly ArtefactEntry[]> {
    const path = this.pathOf(prefix);
    const found = await orNull(stat(path), prefix);
    if (!found?.isDirectory()) {
      return found ? [{ key: prefix, sizeBytes: found.size, modifiedAt: found.mtime }] : [];
    }
    const names = (await orNull(readdir(path), prefix)) ?? [];
    const nested = await Promise.all(
      names
        .filter(name => !name.startsWith("."))
        .sort()
        .map(name => this.list(`${prefix}/${name}`)),
    );
    return nested.flat();
  }

  async openLocal(key: string): Promise<string> {
    const path = this.pathOf(key);
    if (!(await orNull(stat(path), key))?.isFile()) {
      throw new AppError("FILE_NOT_FOUND", { path });
    }
    return path;
  }

  private prepare(folder: string): Promise<void> {
    const known = this.writing.get(folder);
    if (known) {
      return known;
    }
    const made = makeAndSweep(folder);
    this.writing.set(folder, made);
    made.catch(() => this.writing.delete(folder)); // the disk may be well again at the next write
    return made;
  }

  private pathOf(key: string): string {
    const isWhole = key.split("/").every(name => name !== "" && !name.startsWith("."));
    if (!isWhole || /[\\\0]/.test(key)) {
      throw new Error(`FolderArtefactStore: expected a key such as 'a/b', got '${key}'`);
    }
    return join(this.root, key);
  }
}

async function makeAndSweep(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity })); // just renamed
    if (Date.now() - mtimeMs >= ABANDONED_AFTER_MS) {
      await rm(path, { force: true });
    }
  }
}

/** Null if there is no such file. @throws AppError `STORAGE_UNAVAILABLE` */
async function orNull<Result>(reading: Promise<Result>, key: string): Promise<Result | null> {
  try {
    return await reading;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // what node:fs rejects with
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") {
      return null;
    }
    throw storageFault(error, placeOf(key), "read") ?? error;
  }
}

/** What a message names: the folder of the data, such as `blobs`. */
function placeOf(key: string): string {
  return key.split("/")[0];
}
