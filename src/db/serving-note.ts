/** @file A note beside a data folder's lock: the URL of the process that holds it. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

const NAME = "serving.json";

interface ServingNote {
  pid: number;
  host: string;
  url: string;
}

/** Records the URL of this process, which holds the folder's lock. @returns the function that removes the note. */
export function noteServing(folder: string, url: string): () => void {
  const path = join(folder, NAME);
  const note: ServingNote = { pid: process.pid, host: hostname(), url };
  writeFileSync(path, JSON.stringify(note));
  return () => {
    rmSync(path, { force: true });
  };
}

/** The URL of the lock's holder; null if it has none, or the note is another process's. */
export function servingUrl(
  folder: string,
  holder: { pid: number; host: string } | null,
): string | null {
  try {
    const note = JSON.parse(readFileSync(join(folder, NAME), "utf8")) as ServingNote; // as `noteServing` writes it
    return note.pid === holder?.pid && note.host === holder.host ? note.url : null;
  } catch {
    return null; // no note, or a partly written one
  }
}
