/** @file Queues jobs, cancels them, and tells their state. */
import type { JobSnapshot, NewJob } from "../../db/jobs.repository.js";
import type { JobKind, JobRow, JobState } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";
import type { JobEvents } from "./job-events.js";
import { type JobPayloads, parseJobPayload } from "./job-payloads.js";
import { type JobNews, JobWatcher } from "./job-watcher.js";
import { type Waiting, type WaitingLimits, WaitingPlaces } from "./waiting-places.js";
import { WakeSignal } from "./wake-signal.js";

export type { JobSnapshot } from "../../db/jobs.repository.js";

interface Dependencies {
  jobs: {
    createMany(jobs: readonly NewJob[]): Promise<{ job: JobRow; isNew: boolean }[]>;
    findSnapshots(ids: readonly string[]): Promise<JobSnapshot[]>;
    findSucceeded(dedupeKey: string): Promise<JobRow | null>;
    findCurrent(dedupeKeys: readonly string[]): Promise<JobRow[]>;
    requestCancel(id: string): Promise<JobRow | null>;
    requestCancelOfUser(userId: string): Promise<JobRow[]>;
  };
  events: JobEvents;
  /** How often watched jobs are read. Default 300 ms. */
  pollMs?: number;
  /** How many may wait. Default: `defaultWaitingLimits`. */
  limits?: WaitingLimits;
}

export function hasEnded({ state }: { state: JobState }): boolean {
  return state !== "QUEUED" && state !== "RUNNING";
}

export class JobService {
  private readonly watcher: JobWatcher;
  private readonly places: WaitingPlaces;

  constructor(private readonly deps: Dependencies) {
    this.watcher = new JobWatcher(deps);
    this.places = new WaitingPlaces(deps.limits);
  }

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
    const [job] = isUuid(jobId) ? await this.deps.jobs.findSnapshots([jobId]) : [];
    if (!(job as JobSnapshot | undefined)) {
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
    this.tellCancelled(jobId);
    return job;
  }

  /** {@link cancel} for all images that are being made for a user. @returns their number. */
  async cancelOfUser(userId: string): Promise<number> {
    const jobs = await this.deps.jobs.requestCancelOfUser(userId);
    jobs.forEach(({ id }) => {
      this.tellCancelled(id);
    });
    return jobs.length;
  }

  private tellCancelled(jobId: string): void {
    this.deps.events.emit("cancelRequested", jobId);
    this.deps.events.emit("changed", jobId);
  }

  /**
   * Queues the work of a job that failed or was cancelled once more, as a new job; gives the one with the same key if that
   * has not ended.
   *
   * @throws AppError `JOB_NOT_FOUND`, `JOB_NOT_RETRYABLE`, `USER_NOT_FOUND`, `ITEM_NOT_FOUND`
   */
  async retry(jobId: string): Promise<JobRow> {
    const { state, kind, payload, ...about } = await this.get(jobId);
    if (state !== "FAILED" && state !== "CANCELLED") {
      throw new AppError("JOB_NOT_RETRYABLE", { jobId, state });
    }
    const { dedupeKey, itemId, priority, userId } = about;
    const again = { kind, payload: payload as object, dedupeKey, itemId, priority, userId };
    const [{ job }] = await this.requestMany([again]);
    return job;
  }

  /**
   * The job as it is, then again whenever that changes, until it has ended or `signal` is raised.
   *
   * @param waiting Who watches. Default: this process.
   * @throws AppError `JOB_NOT_FOUND`, `TOO_MANY_WAITING`
   */
  async *watch(
    jobId: string,
    signal?: AbortSignal,
    waiting?: Waiting,
  ): AsyncGenerator<JobSnapshot, void, void> {
    if (!isUuid(jobId)) {
      throw new AppError("JOB_NOT_FOUND", { jobId });
    }
    const leave = this.places.take(waiting);
    const wake = new WakeSignal();
    let news: JobNews | null = null;
    const stop = this.watcher.follow(jobId, latest => {
      news = latest;
      wake.arrive();
    });
    const onAbort = () => {
      wake.arrive();
    };
    signal?.addEventListener("abort", onAbort);
    try {
      let shown: JobSnapshot | null = null;
      while (!signal?.aborted) {
        await wake.wait();
        const job = jobOf(jobId, news);
        if (job && job !== shown) {
          shown = job;
          yield job;
        }
        if (job && hasEnded(job)) {
          return;
        }
      }
    } finally {
      stop();
      leave();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * The job when it has ended, or as it stands after `waitMs`, or at once if too many wait.
   *
   * @param options.signal The one who waits has left. @param options.waiting Who waits. Default: this process.
   * @throws AppError `JOB_NOT_FOUND`
   */
  async waitFor(
    jobId: string,
    waitMs: number,
    { signal, waiting }: { signal?: AbortSignal; waiting?: Waiting } = {},
  ): Promise<JobSnapshot> {
    const timeout = AbortSignal.timeout(waitMs);
    const isOver = signal ? AbortSignal.any([timeout, signal]) : timeout;
    let last: JobSnapshot | null = null;
    try {
      for await (const job of this.watch(jobId, isOver, waiting)) {
        last = job;
      }
    } catch (error) {
      if (!(error instanceof AppError && error.code === "TOO_MANY_WAITING")) {
        throw error;
      }
    }
    return last ?? this.get(jobId);
  }
}

/** Null while nothing is read. @throws AppError `JOB_NOT_FOUND`, and what the read failed with */
function jobOf(jobId: string, news: JobNews | null): JobSnapshot | null {
  if (news && "error" in news) {
    throw news.error;
  }
  if (news && !news.job) {
    throw new AppError("JOB_NOT_FOUND", { jobId });
  }
  return news?.job ?? null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Anything else is not a job's id, and Postgres would refuse it with an error of its own. */
function isUuid(text: string): boolean {
  return UUID.test(text);
}
