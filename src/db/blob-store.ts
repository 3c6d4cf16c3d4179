/**
 * @file Image files, named by their content: `blobs/<first two hex digits>/<sha-256>` of an {@link ArtefactStore}.
 *
 * A file never changes, so clients may cache it for ever. Putting the same bytes twice stores them once. Every read compares
 * the bytes with the name (docs/adr/0018), so a damaged file is never taken for the image.
 */
import { createHash, webcrypto } from "node:crypto";
import { AppError } from "../errors/app-error.js";
import type { ArtefactStore } from "./artefact-store.js";

const HASH = /^[0-9a-f]{64}$/;
/** Larger files are hashed in another thread: this one would stop for longer than a request takes. */
const HASHED_HERE_BYTES = 128 * 2 ** 10;
/** Damaged files that are remembered for people. */
const MAX_DAMAGED = 1_000;

export class BlobStore {
  /** Files that the last read found damaged. */
  private readonly found = new Set<string>();

  constructor(private readonly store: Omit<ArtefactStore, "openLocal">) {}

  /** Hashes of the files that were found damaged and are not yet replaced. */
  get damaged(): ReadonlySet<string> {
    return this.found;
  }

  /** Stores the bytes, also in the place of a damaged file. @returns their SHA-256, 64 hex digits. */
  async put(bytes: Uint8Array): Promise<string> {
    const hash = await sha256(bytes);
    const isStored = await this.get(hash).then(
      () => true,
      (error: unknown) => {
        if (isUnusable(error)) {
          return false;
        }
        throw error;
      },
    );
    if (!isStored) {
      await this.store.put(keyOf(hash), bytes);
      this.found.delete(hash);
    }
    return hash;
  }

  /** @throws AppError `IMAGE_NOT_FOUND`, `IMAGE_DAMAGED` */
  async get(hash: string): Promise<Uint8Array> {
    const bytes = await this.store.get(keyOf(hash));
    if (!bytes) {
      throw new AppError("IMAGE_NOT_FOUND", { hash });
    }
    if ((await sha256(bytes)) !== hash) {
      if (this.found.size < MAX_DAMAGED) {
        this.found.add(hash);
      }
      throw new AppError("IMAGE_DAMAGED", { hash });
    }
    this.found.delete(hash);
    return bytes;
  }

  /** The size of a stored file, or null if there is none. */
  async stat(hash: string): Promise<{ sizeBytes: number } | null> {
    const [entry] = await this.store.list(keyOf(hash));
    return (entry as typeof entry | undefined) ? { sizeBytes: entry.sizeBytes } : null;
  }

  /** Removes an unreferenced file; an absent one is no fault. */
  async remove(hash: string): Promise<void> {
    await this.store.delete(keyOf(hash));
    this.found.delete(hash);
  }
}

/** Whether an image's file is missing or damaged. */
export function isUnusable(error: unknown): boolean {
  return error instanceof AppError && ["IMAGE_NOT_FOUND", "IMAGE_DAMAGED"].includes(error.code);
}

async function sha256(bytes: Uint8Array): Promise<string> {
  if (bytes.byteLength <= HASHED_HERE_BYTES) {
    return createHash("sha256").update(bytes).digest("hex");
  }
  const digest = await webcrypto.subtle.digest("SHA-256", bytes);
  return Buffer.from(digest).toString("hex");
}

function keyOf(hash: string): string {
  if (!HASH.test(hash)) {
    throw new AppError("IMAGE_NOT_FOUND", { hash });
  }
  return `blobs/${hash.slice(0, 2)}/${hash}`;
}
