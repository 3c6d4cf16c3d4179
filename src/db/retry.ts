/** @file Repeats transactions that failed because of concurrent ones. */
import { setTimeout as delay } from "node:timers/promises";

/** `serialization_failure` and `deadlock_detected`: the whole transaction was undone and may be repeated. */
const CONFLICTS = new Set(["40001", "40P01"]);
/** Prisma's "write conflict or a deadlock". */
const PRISMA_CONFLICT = "P2034";

const MAX_TRIES = 6;
const FIRST_DELAY_MS = 20;

/** Each call waits a different fraction of its delay, so that two conflicting calls do not meet again. */
let place = process.pid;
const nextFraction = () => (++place * 0.618_033_988_749_895) % 1; // the golden ratio spreads successive values

/**
 * Runs `work` and repeats it after a deadlock or a serialization failure: at most six times, with growing, uneven delays
 * of 10 to 640 ms.
 *
 * @param work A whole transaction, or one statement outside of any, that may run twice.
 */
export async function retryConflicts<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tried = 1; ; tried++) {
    try {
      return await work();
    } catch (error) {
      if (tried === MAX_TRIES || !isConflict(error)) {
        throw error;
      }
      await delay(FIRST_DELAY_MS * 2 ** (tried - 1) * (0.5 + nextFraction() / 2));
    }
  }
}

/** Whether an error of `pg` or Prisma, or its cause, is a conflict with other transactions. */
function isConflict(error: unknown): boolean {
  for (let fault = error; typeof fault === "object" && fault !== null;) {
    const { cause, code, meta, originalCode } = fault as {
      cause?: unknown;
      code?: unknown;
      meta?: { code?: unknown; driverAdapterError?: unknown };
      originalCode?: unknown;
    };
    const codes = [code, originalCode, meta?.code];
    if (codes.some(one => one === PRISMA_CONFLICT || CONFLICTS.has(one as string))) {
      return true;
    }
    fault = cause ?? meta?.driverAdapterError;
  }
  return false;
}
