/** @file Queues jobs, cancels them, and tells their state. */
import type { JobSnapshot, NewJob } from "../../db/jobs.repository.js";
import type { JobKind, JobRow, JobState } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";
import type { JobEvents } from "./job-events.js";
import { type JobPayloads, parseJobPayload } from "./job-payloads.js";
import { WakeSignal } from "./wake-signal.js";

export type { JobSnapshot } from "../../db/jobs.repository.js";

/** How often the row of a watched job is read while this process hears nothing of it. */
const POLL_MS = 300;

interface Dependencies {
  jobs: {
    createMany(jobs: readonly NewJob[]): Promise<{ job: JobRow; isNew: boolean }[]>;
    findSnapshot(id: string): Promise<JobSnapshot | null>;
    findSucceeded(dedupeKey: string): Promise<JobRow | null>;
    findCurrent(dedupeKeys: readonly string[]): Promise<JobRow[]>;
    requestCancel(id: string): Promise<JobRow | null>;
  };
  events: JobEvents;
  /** Default 300 ms. */
  pollMs?: number;
}

export function hasEnded({ state }: { state: JobState }): boolean {
  return state !== "QUEUED" && state !== "RUNNING";
}

export class JobService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Queues a job, or gives the one with the same key that has not ended.
   *
   * @throws AppError `INVALID_ARGUMENT`, `USER_NOT_FOUND`, `ITEM_NOT_FOUND`
   */
  async request<Kind extends JobKind>(
    kind: Kind,
    payload: JobPayloads[Kind],
    about: Omit<NewJob, "kind" | "payload"> = {},
  ): Promise<JobRow> {
    const [{ job }] = await this.requestMany([{ kind, payload, ...about }]);
    return job;
  }

  /**
   * {@link request} for many, in one statement. A waiting job gets the higher of its priority and the one asked for.
   *
   * @returns in the order of `jobs`; of two with one key only the first is new.
   * @throws AppError `INVALID_ARGUMENT`, `USER_NOT_FOUND`, `ITEM_NOT_FOUND`: nothing is queued then.
   */
  async requestMany(jobs: readonly NewJob[]): Promise<{ job: JobRow; isNew: boolean }[]> {
    jobs.forEach(({ kind, payload }) => parseJobPayload(kind, payload));
    const created = await this.deps.jobs.createMany(jobs);
    for (const kind of new Set(jobs.map(({ kind }) => kind))) {
      this.deps.events.emit("queued", kind);
    }
    return created;
  }

  /** @throws AppError `JOB_NOT_FOUND` */
  async get(jobId: string): Promise<JobSnapshot> {
    const job = isUuid(jobId) ? await this.deps.jobs.findSnapshot(jobId) : null;
    if (!job) {
      throw new AppError("JOB_NOT_FOUND", { jobId });
    }
    return job;
  }

  /** Of each key the job that has not ended, else the newest that ended well; in any order. */
  findCurrent(dedupeKeys: readonly string[]): Promise<JobRow[]> {
    return this.deps.jobs.findCurrent(dedupeKeys);
  }

  /** The newest job with this key that ended well. */
  findSucceeded(dedupeKey: string): Promise<JobRow | null> {
    return this.deps.jobs.findSucceeded(dedupeKey);
  }

  /**
   * Cancels a queued job at once, and asks a running one to stop.
   *
   * @throws AppError `JOB_NOT_FOUND`, `JOB_NOT_CANCELLABLE`
   */
  async cancel(jobId: string): Promise<JobRow> {
    const job = isUuid(jobId) ? await this.deps.jobs.requestCancel(jobId) : null;
    if (!job) {
      const { state } = await this.get(jobId);
      throw new AppError("JOB_NOT_CANCELLABLE", { jobId, state });
    }
    this.deps.events.emit("cancelRequested", jobId);
    this.deps.events.emit("changed", jobId);
    return job;
  }

  /**
   * The job as it is, then again whenever that changes, until it has ended or `signal` is raised.
   *
   * @throws AppError `JOB_NOT_FOUND`
   */
  async *watch(jobId: string, signal?: AbortSignal): AsyncGenerator<JobSnapshot, void, void> {
    const { events, pollMs = POLL_MS } = this.deps;
    const wake = new WakeSignal();
    const stopListening = events.on("changed", id => {
      if (id === jobId) {
        wake.arrive();
      }
    });
    const onAbort = () => {
      wake.arrive();
    };
    signal?.addEventListener("abort", onAbort);
    try {
      let shown = "";
      while (!signal?.aborted) {
        const job = await this.get(jobId);
        const seen = JSON.stringify({ ...job, heartbeatAt: null });
        if (seen !== shown) {
          shown = seen;
          yield job;
        }
        if (hasEnded(job)) {
          return;
        }
        await wake.wait(pollMs);
      }
    } finally {
      stopListening();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * The job when it has ended, or as it stands after `waitMs`.
   *
   * @throws AppError `JOB_NOT_FOUND`
   */
  async waitFor(jobId: string, waitMs: number): Promise<JobSnapshot> {
    const timeout = AbortSignal.timeout(waitMs);
    for await (const job of this.watch(jobId, timeout)) {
      if (hasEnded(job)) {
        return job;
      }
    }
    return this.get(jobId);
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Anything else is not a job's id, and Postgres would refuse it with an error of its own. */
function isUuid(text: string): boolean {
  return UUID.test(text);
}
