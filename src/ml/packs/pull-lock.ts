/** @file A lock: one process at a time fetches a pack. */
import { join } from "node:path";
import { AppError } from "../../errors/app-error.js";

/**
 * Locks a folder and returns the release function; calls `onLost` if another process takes the lock.
 *
 * @throws AppError `DATA_FOLDER_LOCKED`.
 */
export type LockFolder = (
  folder: string,
  options: { onLost: (error: AppError) => void },
) => Promise<() => Promise<void>>;

/**
 * Runs `work` while this process holds the pack's lock. Its signal aborts with `signal`, or when the lock is lost.
 *
 * @throws AppError `MODEL_PULL_RUNNING`
 */
export async function whileLocked<Result>(
  pack: string,
  { cacheFolder, lock, signal }: { cacheFolder: string; lock: LockFolder; signal?: AbortSignal },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const lost = new AbortController();
  const unlock = await lock(join(cacheFolder, ".locks", pack), {
    onLost: error => {
      lost.abort(error);
    },
  }).catch((error: unknown) => {
    if (error instanceof AppError && error.code === "DATA_FOLDER_LOCKED") {
      const { host, pid } = error.details;
      throw new AppError("MODEL_PULL_RUNNING", { pack, pid, host }, { cause: error });
    }
    throw error;
  });
  try {
    return await work(signal ? AbortSignal.any([signal, lost.signal]) : lost.signal);
  } finally {
    await unlock();
  }
}
