/** @file Keeps two processes from opening one data folder: the embedded Postgres takes no lock of its own. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../errors/app-error.js";

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Takes the folder for this process, by a file with its id. A lock whose process is gone (killed, or an earlier
 * process with this one's id in another container) is taken over.
 *
 * @returns what gives the folder back.
 * @throws AppError `DATA_FOLDER_LOCKED`
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "lock");
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt === 3) {
        throw error;
      }
      const pid = Number(readFileSync(path, "utf8"));
      if (pid > 0 && (pid !== process.pid || held.has(path)) && isRunning(pid)) {
        throw new AppError("DATA_FOLDER_LOCKED", { path: folder, pid });
      }
      rmSync(path, { force: true });
    }
  }
  held.add(path);
  return () => {
    if (held.delete(path)) {
      rmSync(path, { force: true });
    }
  };
}

const held = new Set<string>();
