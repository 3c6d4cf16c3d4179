/**
 * @file Picture files, named by their content: `<home>/blobs/<first two hex digits>/<sha-256>`.
 *
 * A file appears whole or not at all: it is written and synced under another name, then renamed. A file is never changed,
 * so it can be served and cached for ever, and putting the same bytes twice is putting them once.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, type ReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../errors/app-error.js";

/** A file being written is younger than this; an older one was left behind by a killed process. */
const ABANDONED_AFTER_MS = 10 * 60_000;

const HASH = /^[0-9a-f]{64}$/;

export class BlobStore {
  private readonly root: string;
  private readonly writing: string;
  /** Those this store has made. */
  private readonly folders = new Set<string>();

  /** @param home folder of everything Vitrine keeps. */
  constructor(home: string) {
    this.root = join(home, "blobs");
    this.writing = join(this.root, "tmp");
  }

  /** Stores the bytes. @returns their SHA-256, 64 hex digits. */
  async put(bytes: Uint8Array): Promise<string> {
    const hash = createHash("sha256").update(bytes).digest("hex");
    const path = this.pathOf(hash);
    const stored = await this.stat(hash);
    if (stored?.sizeBytes === bytes.byteLength) {
      return hash;
    }
    await this.makeFolder(this.writing);
    await this.makeFolder(dirname(path));
    const draft = join(this.writing, randomUUID());
    try {
      const file = await open(draft, "wx");
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    return hash;
  }

  /** @throws AppError `IMAGE_NOT_FOUND` */
  async get(hash: string): Promise<Buffer> {
    return readFile(this.pathOf(hash)).catch((error: unknown) => {
      throw notFound(hash, error);
    });
  }

  /** The size of a stored file, or null if there is none. */
  async stat(hash: string): Promise<{ sizeBytes: number } | null> {
    try {
      return { sizeBytes: (await stat(this.pathOf(hash))).size };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") {
        return null;
      }
      throw error;
    }
  }

  /** A stream of a stored file that is already open. @throws AppError `IMAGE_NOT_FOUND` */
  async openStream(hash: string): Promise<ReadStream> {
    const stream = createReadStream(this.pathOf(hash));
    await new Promise<void>((resolve, reject) => {
      stream.once("open", () => {
        resolve();
      });
      stream.once("error", error => {
        reject(notFound(hash, error));
      });
    });
    return stream;
  }

  /** Removes a file that nothing refers to any more; one that is not there is no fault. */
  async remove(hash: string): Promise<void> {
    await rm(this.pathOf(hash), { force: true });
  }

  /** Removes what killed processes were writing. @returns the number of files removed. */
  async sweepTemp(olderThanMs = ABANDONED_AFTER_MS): Promise<number> {
    await mkdir(this.writing, { recursive: true });
    let numRemoved = 0;
    for (const name of await readdir(this.writing)) {
      const path = join(this.writing, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity })); // just renamed
      if (Date.now() - mtimeMs >= olderThanMs) {
        await rm(path, { force: true });
        numRemoved++;
      }
    }
    return numRemoved;
  }

  /** Once for each folder: an import puts thousands of files. */
  private async makeFolder(path: string): Promise<void> {
    if (!this.folders.has(path)) {
      await mkdir(path, { recursive: true });
      this.folders.add(path);
    }
  }

  private pathOf(hash: string): string {
    if (!HASH.test(hash)) {
      throw new AppError("IMAGE_NOT_FOUND", { hash });
    }
    return join(this.root, hash.slice(0, 2), hash);
  }
}

function notFound(hash: string, error: unknown): Error {
  const fault = error as NodeJS.ErrnoException; // what node:fs rejects with
  return fault.code === "ENOENT"
    ? new AppError("IMAGE_NOT_FOUND", { hash }, { cause: error })
    : fault;
}
