/** @file Files of users: what they give a command or import, and what they ask for. Vitrine's own are in an `ArtefactStore`. */
import { mkdtemp, open, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Replaces a file whole or not at all. */
export async function writeAtomically(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** The bytes of a file whose path a store gave. */
export function readLocal(path: string): Promise<Uint8Array> {
  return readFile(path);
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
