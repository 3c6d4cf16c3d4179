/**
 * @file What a worker does when the database or the disk fails, and not the job: it puts the job back, rests, and tries
 * again; what has ended is recorded as soon as the database answers.
 */
import { setTimeout as delay } from "node:timers/promises";
import { environmentFault } from "../db/environment-fault.js";
import type { AppError } from "../errors/app-error.js";

/** The rest after a job was put back; twice as long after each further one. */
const FIRST_REST_MS = 1_000;
const MAX_REST_MS = 60_000;
/** How often the end of a job is recorded again. */
const RECORD_AGAIN_MS = 500;
/** Times that one job may lose the database: perhaps its statements end the server. */
const MAX_LOSSES = 10;

/** Setbacks of one worker. */
export class Setbacks {
  /** How often each job has lost the database. */
  private readonly losses = new Map<string, number>();

  constructor(private readonly stopping: AbortSignal) {}

  /** The fault for which a job is to be put back; null if it has failed. */
  faultOf(jobId: string, error: unknown): AppError | null {
    const fault = environmentFault(error);
    if (fault?.code !== "DATABASE_UNREACHABLE") {
      return fault;
    }
    const count = (this.losses.get(jobId) ?? 0) + 1;
    this.losses.set(jobId, count);
    return count < MAX_LOSSES ? fault : null;
  }

  /** Forgets a job that has ended. */
  forget(jobId: string): void {
    this.losses.delete(jobId);
  }

  /** Waits after the `count`-th job in a row that was put back, or until the worker stops. */
  async rest(count: number): Promise<void> {
    const ms = Math.min(FIRST_REST_MS * 2 ** (count - 1), MAX_REST_MS);
    await delay(ms, undefined, { signal: this.stopping }).catch(() => undefined);
  }

  /** Records a job's end, again and again while the database is away and the worker does not stop. */
  async record(
    recordEnd: () => Promise<unknown>,
    onAway: (fault: AppError) => void,
  ): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        await recordEnd();
        return;
      } catch (error) {
        const fault = environmentFault(error);
        if (!fault || this.stopping.aborted) {
          throw error;
        }
        if (isFirst) {
          onAway(fault);
        }
        await delay(RECORD_AGAIN_MS, undefined, { signal: this.stopping }).catch(() => undefined);
      }
    }
  }
}
