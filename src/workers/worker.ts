/** @file Runs jobs: claims one after another, gives each to the handler of its kind, and records the outcome. */
import { environmentFault } from "../db/environment-fault.js";
import {
  type JobProgress,
  type JobsRepository,
  type Lane,
  lanesOf,
  LOST_AFTER_MS,
} from "../db/jobs.repository.js";
import type { JobKind, JobRow } from "../db/rows.js";
import { AppError } from "../errors/app-error.js";
import type { JobEvents } from "../recsys/jobs/job-events.js";
import { type ParsedPayloads, parseJobPayload } from "../recsys/jobs/job-payloads.js";
import { WakeSignal } from "../recsys/jobs/wake-signal.js";
import { Setbacks } from "./setbacks.js";

/** A handler's access to its job. */
export interface JobControl {
  /** Raised when the job is cancelled, the worker stops, or another worker has taken the job over. */
  readonly signal: AbortSignal;
  /**
   * Tells people how far the job is. Never fails; what comes too fast is left out.
   *
   * @param progress part done, 0..1.
   * @param stage what is being done; left out, as before.
   * @param previewHash content hash of a preview picture; left out, as before.
   */
  readonly report: (progress: number, stage?: string, previewHash?: string) => Promise<void>;
}

/** For each kind of job, what runs it; what it resolves to is stored as the job's result (JSON). */
export type JobHandlers = {
  [Kind in JobKind]: (
    job: Omit<JobRow, "payload"> & { payload: ParsedPayloads[Kind] },
    control: JobControl,
  ) => Promise<unknown>;
};

interface Dependencies {
  jobs: Pick<
    JobsRepository,
    "cancel" | "claim" | "complete" | "fail" | "heartbeat" | "release" | "takeFromLostWorkers"
  >;
  /** Kinds without a handler are left to other processes. */
  handlers: Partial<JobHandlers>;
  events: JobEvents;
  logger: { error(details: object, message: string): void };
}

export interface WorkerOptions {
  /**
   * Jobs of one kind that run at once, or of each of its lanes: a live job never waits until one of the others has ended.
   * Default 1, for each may use all of the machine.
   */
  concurrency?: Partial<Record<JobKind, number | Readonly<Record<Lane, number>>>>;
  /** How often other processes' jobs are looked for, in milliseconds; default 1,000. */
  pollMs?: number;
  /** How often a running job gives a sign of life and looks whether it is cancelled; default 5,000. */
  heartbeatMs?: number;
  /** Shortest time between two stored reports of the same stage, in milliseconds; default 250. */
  reportMs?: number;
  /** How often jobs of lost workers are looked for, in milliseconds; default 10,000. */
  rescueMs?: number;
  /** Silence after which a worker counts as lost, in milliseconds; default {@link LOST_AFTER_MS}. */
  lostAfterMs?: number;
  /** Whether no other process can reach the database: then a job that runs at the start is lost. Default: false. */
  isOnlyProcess?: boolean;
}

/** What is stored of an error that the product does not know, as the API names it; the log has the rest. */
export const INTERNAL_FAILURE = {
  code: "INTERNAL_SERVER_ERROR",
  message: "Internal server error",
} as const;

/** Time after {@link Worker.stop} until an unresponsive handler is abandoned. */
const UNHEEDED_AFTER_MS = 5_000;

export class Worker {
  private readonly stopping = new AbortController();
  private readonly running = new Map<string, Attempt>();
  private readonly claims = new Set<Promise<JobRow | null>>();
  private readonly idle = new Set<{ kind: JobKind; wake: WakeSignal }>();
  private readonly undo: (() => void)[] = [];
  private readonly setbacks = new Setbacks(this.stopping.signal);
  private loops: Promise<void>[] = [];
  private rescue: Promise<void> = Promise.resolve();

  constructor(
    private readonly deps: Dependencies,
    private readonly options: WorkerOptions = {},
  ) {}

  async start(): Promise<void> {
    const { events, handlers, logger } = this.deps;
    const { concurrency, isOnlyProcess, rescueMs = 10_000 } = this.options;
    await this.rescueLost(isOnlyProcess ? 0 : undefined);
    const rescuing = setInterval(() => {
      this.rescue = this.rescueLost().catch((error: unknown) => {
        logger.error({ err: error }, "the jobs of lost workers could not be taken back");
      });
    }, rescueMs).unref();
    this.undo.push(
      () => {
        clearInterval(rescuing);
      },
      events.on("queued", kind => {
        this.wake(kind);
      }),
      events.on("cancelRequested", jobId => this.running.get(jobId)?.abort("cancelled")),
    );
    const kinds = Object.keys(handlers) as JobKind[];
    this.loops = kinds.flatMap(kind =>
      lanesOf(kind).flatMap(lane => {
        const wanted = concurrency?.[kind] ?? 1;
        const length = typeof wanted === "number" ? wanted : wanted[lane];
        return Array.from({ length }, () => this.run(kind, lane));
      }),
    );
  }

  /**
   * Claims no more jobs and waits for the running ones; those that take longer than `graceMs` (default 10,000) are told to
   * stop and put back into the queue.
   */
  async stop({ graceMs = 10_000 }: { graceMs?: number } = {}): Promise<void> {
    this.stopping.abort();
    this.wake();
    const finished = Promise.all(this.loops);
    if (!(await endsWithin(finished, graceMs))) {
      for (const attempt of this.running.values()) {
        attempt.abort("stopped");
      }
      if (!(await endsWithin(finished, UNHEEDED_AFTER_MS))) {
        await Promise.all([...this.running.values()].map(attempt => this.giveUp(attempt)));
      }
    }
    for (const step of this.undo.splice(0)) {
      step();
    }
    await this.rescue;
  }

  /** Takes jobs back from lost workers: they are queued again, or end. @param silentMs 0 takes all but those that run here. */
  private async rescueLost(silentMs = this.options.lostAfterMs ?? LOST_AFTER_MS): Promise<void> {
    const { events, jobs, logger } = this.deps;
    await Promise.all(this.claims); // so that a job of this process is in `running`, however late the answer to its claim came
    for (const job of await jobs.takeFromLostWorkers([...this.running.keys()], silentMs)) {
      const { id: jobId, kind, userId, itemId, errorMessage, state } = job;
      if (state === "FAILED") {
        logger.error({ jobId, kind, userId, itemId, errorMessage }, "a job failed");
      }
      events.emit("changed", jobId);
      this.wake(kind);
    }
  }

  private wake(kind?: JobKind): void {
    for (const loop of this.idle) {
      if (kind === undefined || loop.kind === kind) {
        loop.wake.arrive();
      }
    }
  }

  private async run(kind: JobKind, lane: Lane): Promise<void> {
    const { jobs, logger } = this.deps;
    const loop = { kind, wake: new WakeSignal() };
    let numPutBack = 0;
    this.idle.add(loop);
    while (!this.stopping.signal.aborted) {
      const claim = jobs.claim(kind, lane).catch((error: unknown) => {
        logger.error({ err: error, kind }, "no job could be claimed");
        return null;
      });
      this.claims.add(claim);
      const job = await claim;
      this.claims.delete(claim);
      if (job) {
        const isPutBack = await this.attempt(job);
        numPutBack = isPutBack ? numPutBack + 1 : 0;
        if (isPutBack) {
          await this.setbacks.rest(numPutBack);
        }
      } else {
        await loop.wake.wait(this.options.pollMs ?? 1_000);
      }
    }
    this.idle.delete(loop);
  }

  /** @returns whether the job was put back because of the database or the disk. */
  private async attempt(job: JobRow): Promise<boolean> {
    const { jobs, handlers, events, logger } = this.deps;
    const attempt = new Attempt(job, { jobs, events, logger, ...this.options });
    this.running.set(job.id, attempt);
    events.emit("changed", job.id);
    const handler = handlers[job.kind] as (job: object, control: JobControl) => Promise<unknown>;
    // A claimed job must always be recorded, so nothing but the handler may throw here.
    let record: () => Promise<unknown>;
    let isPutBack = false;
    try {
      const payload = parseJobPayload(job.kind, job.payload); // an earlier version may have queued it
      const result = await handler({ ...job, payload }, attempt);
      record = () => jobs.complete(job, result);
    } catch (error) {
      const fault = attempt.why === null ? this.setbacks.faultOf(job.id, error) : null;
      isPutBack = fault !== null;
      record = fault ? () => this.putBack(job, fault) : () => this.recordFailure(attempt, error);
    }
    attempt.end();
    if (attempt.isGivenUp) {
      return false;
    }
    try {
      await this.setbacks.record(record, fault => {
        logger.error({ err: fault, jobId: job.id }, "a job's end waits to be recorded");
      });
    } catch (error) {
      logger.error({ err: error, jobId: job.id }, "a job's end could not be recorded");
      if (!environmentFault(error)) {
        const { code, message } = INTERNAL_FAILURE;
        await jobs.fail(job, code, message).catch(() => undefined); // then it is found as lost
      }
    }
    if (!isPutBack) {
      this.setbacks.forget(job.id);
    }
    this.running.delete(job.id);
    events.emit("changed", job.id);
    return isPutBack;
  }

  private async putBack(job: JobRow, fault: AppError): Promise<unknown> {
    const { id: jobId, kind } = job;
    this.deps.logger.error({ err: fault, jobId, kind }, "a job is put back");
    return this.deps.jobs.release(job);
  }

  private async recordFailure({ job, why }: Attempt, error: unknown): Promise<unknown> {
    const { jobs, logger } = this.deps;
    switch (why) {
      case "cancelled":
        return jobs.cancel(job);
      case "stopped":
        return jobs.release(job);
      case "lost":
        return null; // the job is its successor's
      case null: {
        const { id: jobId, kind, userId, itemId } = job;
        logger.error({ err: error, jobId, kind, userId, itemId }, "a job failed");
        const { code, message } = error instanceof AppError ? error : INTERNAL_FAILURE;
        return jobs.fail(job, code, message);
      }
    }
  }

  /** Requeues the job of an unresponsive handler; its further results are ignored. */
  private async giveUp(attempt: Attempt): Promise<void> {
    attempt.isGivenUp = true;
    attempt.end();
    await this.deps.jobs.release(attempt.job).catch((error: unknown) => {
      this.deps.logger.error({ err: error, jobId: attempt.job.id }, "a job could not be put back");
    });
  }
}

type AbortCause = "cancelled" | "lost" | "stopped";

interface AttemptContext extends WorkerOptions {
  jobs: Pick<JobsRepository, "heartbeat">;
  events: JobEvents;
  logger: { error(details: object, message: string): void };
}

/** One run of a job in this process: its signal, heartbeats and reports. */
class Attempt implements JobControl {
  /** Why the signal was aborted; null if it was not. */
  why: AbortCause | null = null;
  isGivenUp = false;
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private hasEnded = false;
  private stage = "";
  private reportedAt = -Infinity;

  /** Not a method, so that a handler may take it apart from its control. */
  readonly report: JobControl["report"] = async (progress, stage = this.stage, previewHash) => {
    const now = performance.now();
    const isDue = stage !== this.stage || previewHash !== undefined || progress >= 1;
    if (!isDue && now - this.reportedAt < (this.context.reportMs ?? 250)) {
      return;
    }
    this.stage = stage;
    this.reportedAt = now;
    const part = Math.min(Math.max(progress, 0), 1) || 0; // NaN is no progress
    await this.beat({ progress: part, stage, previewHash: previewHash ?? null });
    this.context.events.emit("changed", this.job.id);
  };

  constructor(
    readonly job: JobRow,
    private readonly context: AttemptContext,
  ) {
    this.timer = setInterval(() => void this.beat(), context.heartbeatMs ?? 5_000);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  abort(why: AbortCause): void {
    if (this.why === null) {
      this.why = why;
      this.controller.abort(
        why === "stopped"
          ? new Error("The worker stops")
          : new AppError(why === "cancelled" ? "JOB_CANCELLED" : "WORKER_LOST"),
      );
    }
  }

  end(): void {
    this.hasEnded = true;
    clearInterval(this.timer);
  }

  private async beat(progress?: JobProgress): Promise<void> {
    const { jobs, logger } = this.context;
    try {
      const row = await jobs.heartbeat(this.job, progress);
      if (this.hasEnded) {
        return; // its end is already recorded
      }
      if (!row) {
        this.abort("lost");
      } else if (row.cancelRequested) {
        this.abort("cancelled");
      }
    } catch (error) {
      logger.error({ err: error, jobId: this.job.id }, "no sign of life could be given");
    }
  }
}

/** Whether `work` ends within `ms`. */
async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>(resolve => {
    timer = setTimeout(resolve, ms, false);
  });
  const hasEnded = await Promise.race([work.then(() => true), timeout]);
  clearTimeout(timer);
  return hasEnded;
}
