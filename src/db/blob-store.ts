/**
 * @file Image files, named by their content: `blobs/<first two hex digits>/<sha-256>` of an {@link ArtefactStore}.
 *
 * A file never changes, so clients may cache it for ever. Putting the same bytes twice stores them once.
 */
import { createHash } from "node:crypto";
import { AppError } from "../errors/app-error.js";
import type { ArtefactStore } from "./artefact-store.js";

const HASH = /^[0-9a-f]{64}$/;

export class BlobStore {
  constructor(private readonly store: Omit<ArtefactStore, "openLocal">) {}

  /** Stores the bytes. @returns their SHA-256, 64 hex digits. */
  async put(bytes: Uint8Array): Promise<string> {
    const hash = createHash("sha256").update(bytes).digest("hex");
    const stored = await this.stat(hash);
    if (stored?.sizeBytes !== bytes.byteLength) {
      await this.store.put(keyOf(hash), bytes);
    }
    return hash;
  }

  /** @throws AppError `IMAGE_NOT_FOUND` */
  async get(hash: string): Promise<Uint8Array> {
    const bytes = await this.store.get(keyOf(hash));
    if (!bytes) {
      throw new AppError("IMAGE_NOT_FOUND", { hash });
    }
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
  }
}

function keyOf(hash: string): string {
  if (!HASH.test(hash)) {
    throw new AppError("IMAGE_NOT_FOUND", { hash });
  }
  return `blobs/${hash.slice(0, 2)}/${hash}`;
}
