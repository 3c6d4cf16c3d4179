/** @file Files of users: what they give a command or import, and what they ask for. Vitrine's own are in an `ArtefactStore`. */
import { open, rename } from "node:fs/promises";

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
