/** @file Beside the lock of a data folder: where the process that holds it can be asked. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

const NAME = "serving.json";

interface ServingNote {
  pid: number;
  host: string;
  url: string;
}

/**
 * Says where this process, which holds the folder's lock, answers.
 *
 * @returns what takes the note away.
 */
export function noteServing(folder: string, url: string): () => void {
  const path = join(folder, NAME);
  const note: ServingNote = { pid: process.pid, host: hostname(), url };
  writeFileSync(path, JSON.stringify(note));
  return () => {
    rmSync(path, { force: true });
  };
}

/** Where the holder of the lock answers; null if it does not, or the note is that of another process. */
export function servingUrl(
  folder: string,
  holder: { pid: number; host: string } | null,
): string | null {
  try {
    const note = JSON.parse(readFileSync(join(folder, NAME), "utf8")) as ServingNote; // as `noteServing` writes it
    return note.pid === holder?.pid && note.host === holder.host ? note.url : null;
  } catch {
    return null; // no note, or one that is being written
  }
}
