/** @file The thread that takes a folder's lock and keeps its heartbeat while the main thread is busy. */
import { parentPort, workerData } from "node:worker_threads";
import { lock } from "proper-lockfile";

export interface LockThreadData {
  lockPath: string;
  /** Time between two heartbeats, in ms, at least 1,000. */
  heartbeatMs: number;
}

export type LockThreadMessage =
  { kind: "taken" | "refused" } | { kind: "failed" | "lost"; reason: string };

const { heartbeatMs, lockPath } = workerData as LockThreadData;

function tell(message: LockThreadMessage): void {
  parentPort?.postMessage(message);
}

try {
  await lock(lockPath, {
    lockfilePath: lockPath,
    realpath: false,
    stale: Infinity, // folder-lock.ts decides whether a holder is gone
    update: heartbeatMs,
    onCompromised: ({ message }) => {
      tell({ kind: "lost", reason: message });
    },
  });
  tell({ kind: "taken" });
  parentPort?.on("message", () => undefined); // the heartbeat's timer alone does not keep the thread alive
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  tell(code === "ELOCKED" ? { kind: "refused" } : { kind: "failed", reason: message });
}
