/**
 * @file Prevents two processes from opening one data folder: the embedded Postgres has no lock of its own.
 *
 * `lock/` is the lock: only one process succeeds in creating the folder. Its modification time is the holder's
 * heartbeat, kept up by a separate thread (`lock-thread.ts`), because training can block the main thread for minutes.
 * `lock.json` describes the holder.
 *
 * A process id has no meaning outside its container, so there are two ways to detect that a holder is gone:
 * - in this process's namespace: its process does not exist;
 * - elsewhere: its heartbeat stood still for `staleMs` by this process's clock.
 */
import { randomUUID } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { AppError } from "../errors/app-error.js";
import type { LockThreadData, LockThreadMessage } from "./lock-thread.js";
import { servingUrl } from "./serving-note.js";

/** A holder outside this namespace is gone after this long without a heartbeat. */
const STALE_MS = 15_000;

export interface LockOptions {
  /** How long a heartbeat must stand still before the lock is taken over, in ms, at least 3,000. Default 15,000. */
  staleMs?: number;
  /**
   * Called once if the held lock is lost: another process took it, or the folder was removed. The caller must stop
   * writing immediately.
   */
  onLost?: (error: AppError) => void;
}

/** The holder of the lock, from `lock.json`. */
interface Holder {
  /** Unique per acquisition. */
  token: string;
  pid: number;
  host: string;
  /** Start of the process in kernel ticks, which distinguishes reused ids; null off Linux. */
  startedAt: string | null;
  /** Equal for processes that share process ids. */
  namespace: string;
}

/**
 * Locks the folder for this process. Takes over the lock of a dead holder: immediately within the same container or
 * machine, otherwise after `staleMs`.
 *
 * @returns the function that releases the lock.
 * @throws AppError `DATA_FOLDER_LOCKED`, `DATA_FOLDER_UNUSABLE`
 */
export async function lockFolder(
  folder: string,
  { staleMs = STALE_MS, onLost }: LockOptions = {},
): Promise<() => Promise<void>> {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw unusable(folder, (error as Error).message);
  }
  const lockPath = join(folder, "lock");
  const holderPath = join(folder, "lock.json");
  for (;;) {
    const thread = await startThread({ lockPath, heartbeatMs: staleMs / 3 }, folder, onLost);
    if (thread) {
      const token = writeHolder(holderPath);
      const removeFiles = () => {
        if (readHolder(holderPath)?.token === token) {
          rmSync(holderPath, { force: true });
          removeLock(lockPath);
        }
      };
      process.once("exit", removeFiles); // a thread cannot clean up when its process exits
      return async () => {
        process.off("exit", removeFiles);
        await thread.terminate();
        removeFiles();
      };
    }
    await waitUntilGone(folder, staleMs);
  }
}

/** Starts the thread that takes the lock and keeps its heartbeat; null if another process has the lock. */
async function startThread(
  workerData: LockThreadData,
  folder: string,
  onLost: LockOptions["onLost"],
): Promise<Worker | null> {
  const thread = new Worker(threadEntry(), { workerData, execArgv: [] });
  const isTaken = await new Promise<boolean>((resolve, reject) => {
    thread.once("error", reject);
    thread.on("message", (message: LockThreadMessage) => {
      if (message.kind === "failed") {
        reject(unusable(folder, message.reason));
      } else if (message.kind === "lost") {
        onLost?.(new AppError("DATA_FOLDER_LOST", { path: folder, reason: message.reason }));
      } else {
        resolve(message.kind === "taken");
      }
    });
  });
  thread.unref();
  return isTaken ? thread : null;
}

function threadEntry(): string {
  const beside = fileURLToPath(new URL("./lock-thread.js", import.meta.url));
  const built = fileURLToPath(new URL("../../dist/db/lock-thread.js", import.meta.url));
  const entry = [beside, built].find(path => existsSync(path));
  if (entry === undefined) {
    throw new Error(`lockFolder: expected ${built}; run 'npm run build'`);
  }
  return entry;
}

/**
 * Resolves when the lock may be tried again: its holder is gone and the lock removed, or it changed.
 *
 * @throws AppError `DATA_FOLDER_LOCKED` once the holder is known to live
 */
async function waitUntilGone(folder: string, staleMs: number): Promise<void> {
  const lockPath = join(folder, "lock");
  const holderPath = join(folder, "lock.json");
  const seen = heartbeatOf(lockPath);
  const begin = performance.now();
  for (;;) {
    const holder = readHolder(holderPath);
    const state = holder?.namespace === namespaceId() ? stateOf(holder) : "unknown";
    if (state === "running") {
      throw lockedBy(folder, holder);
    }
    if (state === "gone") {
      takeAway(folder, holder);
      return;
    }
    const heartbeat = heartbeatOf(lockPath);
    if (heartbeat === null || seen === null) {
      return;
    }
    if (heartbeat !== seen) {
      throw lockedBy(folder, holder);
    }
    if (performance.now() - begin >= staleMs) {
      takeAway(folder, holder);
      return;
    }
    await delay(Math.min(250, staleMs / 10));
  }
}

/** Removes the lock of a dead holder. Among several processes, the one that moves its `lock.json` removes it. */
function takeAway(folder: string, gone: Holder | null): void {
  const holderPath = join(folder, "lock.json");
  if (gone) {
    const aside = `${holderPath}.${randomUUID()}`;
    try {
      renameSync(holderPath, aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") {
        return; // another process was first
      }
      throw error;
    }
    if (readHolder(aside)?.token !== gone.token) {
      renameSync(aside, holderPath); // the first process's file
      return;
    }
    rmSync(aside);
  }
  removeLock(join(folder, "lock"));
}

function removeLock(lockPath: string): void {
  try {
    if (statSync(lockPath).isDirectory()) {
      rmdirSync(lockPath);
    } else {
      rmSync(lockPath); // of an earlier version
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw error;
    }
  }
}

function unusable(path: string, reason: string): AppError {
  return new AppError("DATA_FOLDER_UNUSABLE", { path, reason });
}

function lockedBy(folder: string, holder: Holder | null): AppError {
  const { host = "unknown", pid = 0 } = holder ?? {};
  const url = servingUrl(folder, holder) ?? "";
  const serving = url === "" ? "" : `, which serves ${url}`;
  return new AppError("DATA_FOLDER_LOCKED", { path: folder, pid, host, url, serving });
}

function heartbeatOf(lockPath: string): number | null {
  return statSync(lockPath, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

function writeHolder(path: string): string {
  const { pid } = process;
  const holder: Holder = {
    token: randomUUID(),
    pid,
    host: hostname(),
    startedAt: startOf(pid),
    namespace: namespaceId(),
  };
  const temporary = `${path}.${holder.token}`;
  writeFileSync(temporary, JSON.stringify(holder));
  renameSync(temporary, path);
  return holder.token;
}

/** Null if absent or unreadable. */
function readHolder(path: string): Holder | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Holder; // only this file writes it
  } catch {
    return null;
  }
}

/** Whether a process of this namespace exists; unknown where its start cannot be read. */
function stateOf({ pid, startedAt }: Holder): "running" | "gone" | "unknown" {
  const start = startOf(pid);
  if (start !== null && startedAt !== null) {
    return start === startedAt ? "running" : "gone";
  }
  try {
    process.kill(pid, 0);
    return "unknown";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH" ? "gone" : "unknown";
  }
}

/** Start of a process in kernel ticks since boot; "" if it ended; null if unreadable. */
function startOf(pid: number): string | null {
  try {
    // proc(5): the name in parentheses may contain anything; state is field 3, starttime field 22.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "" : fields[19];
  } catch {
    return null;
  }
}

/** The kernel's boot id and this process's pid namespace; off Linux the host name. */
function namespaceId(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}
