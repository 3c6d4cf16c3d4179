/**
 * @file The job queue: one queue of pg-boss for each kind of job (two where some are waited for), over the pool we have
 * anyway.
 *
 * Terms
 * - job: a row of `jobs`, which people see. It alone says what state a job is in.
 * - entry: pg-boss's record that a job waits or was claimed. It decides which worker gets the job (SKIP LOCKED); its id
 *   is the job's. It goes when the job ends.
 * - claim: to take the next entry and begin an attempt of its job.
 * - attempt: one run of a job by one worker, numbered by `attempts`.
 * - lost: an attempt whose worker gave no sign of life for {@link LOST_AFTER_MS}.
 *
 * A job and its entry are written in separate statements, for pg-boss has its own; whatever a crash leaves between them
 * {@link JobQueue.reconcile} repairs, and an entry too many does no harm, because only a queued job can be started.
 */
import { EventEmitter } from "node:events";
import type { Pool } from "pg";
import PgBoss from "pg-boss";
import { JobKind } from "./generated/enums.js";
import {
  type Attempt,
  JobPriority,
  type JobProgress,
  type JobsRepository,
} from "./jobs.repository.js";
import type { JobRow } from "./rows.js";

/** A worker gives a sign of life every 5 s; six missed in a row mean that it is gone. */
export const LOST_AFTER_MS = 30_000;
const RECONCILE_EVERY_MS = 10_000;
/** pg-boss forgets entries that were claimed longer ago; its limit is 24 hours. The job itself is not touched. */
const ENTRY_EXPIRES_HOURS = 23;

const KINDS = Object.values(JobKind);
/** No entry is for later; and at the tick of the clock at which it was made it would still count as one. */
const claimOptions = { ignoreStartAfter: true };

/** What the queue needs to know of a job that waits. */
type Waiting = Pick<JobRow, "id" | "kind" | "attempts" | "priority">;

/** Jobs that somebody waits for, and the others. */
export type Lane = "live" | "batch";

/** Kinds of which some jobs are waited for have two queues, so that a worker always has room for those. */
export function lanesOf(kind: JobKind): readonly Lane[] {
  return kind === "PERSONALIZE_IMAGE" ? ["live", "batch"] : ["batch"];
}

function laneOf({ kind, priority }: Pick<JobRow, "kind" | "priority">): Lane {
  return priority >= JobPriority.LIVE && lanesOf(kind).includes("live") ? "live" : "batch";
}

/** The queue of pg-boss. */
function queueName(kind: JobKind, lane: Lane): string {
  return lane === "live" ? `${kind}_LIVE` : kind;
}

export interface JobQueueOptions {
  pool: Pool;
  jobs: JobsRepository;
  /** Whether this process is the only one that can reach the database (the embedded one holds a lock). */
  isOnlyProcess: boolean;
  /** Told of faults of the queue's own upkeep; it goes on. */
  onError: (error: unknown) => void;
  /** Told of a job that is given up because its workers died. Default: nobody is. */
  onGivenUp?: (job: JobRow) => void;
  /** Default 10 s. */
  reconcileEveryMs?: number;
  /** Default {@link LOST_AFTER_MS}. */
  lostAfterMs?: number;
}

export class JobQueue {
  private readonly boss: PgBoss;
  private readonly waiting = new EventEmitter<{ waiting: [JobKind] }>().setMaxListeners(0);
  /** Jobs whose attempt runs in this process. */
  private readonly claimed = new Set<string>();
  private timer: NodeJS.Timeout | null = null;
  private reconciling: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: JobQueueOptions) {
    const { pool, onError } = options;
    this.boss = new PgBoss({
      db: { executeSql: (sql, values) => execute(pool, sql, values) },
      schedule: false,
      expireInHours: ENTRY_EXPIRES_HOURS,
      retryLimit: 0, // a job is tried again by reconcile(), which counts its attempts
    });
    this.boss.on("error", onError);
  }

  async start(): Promise<void> {
    const { isOnlyProcess, reconcileEveryMs = RECONCILE_EVERY_MS, onError } = this.options;
    await this.boss.start();
    for (const kind of KINDS) {
      for (const lane of lanesOf(kind)) {
        await this.boss.createQueue(queueName(kind, lane));
      }
    }
    await this.reconcile(isOnlyProcess);
    this.timer = setInterval(() => {
      this.reconciling = this.reconcile().catch(onError);
    }, reconcileEveryMs).unref();
  }

  /** Ends the upkeep; the pool stays open. Workers are to be stopped first. */
  async stop(): Promise<void> {
    clearInterval(this.timer ?? undefined);
    await this.reconciling;
    await this.boss.stop({ graceful: false, close: false });
  }

  /** Makes a stored, queued job known to the workers. A second time it changes nothing. */
  enqueue(job: Waiting): Promise<void> {
    return this.enqueueMany([job]);
  }

  /** {@link enqueue} for many, in one statement. */
  async enqueueMany(jobs: readonly Waiting[]): Promise<void> {
    if (jobs.length === 0) {
      return;
    }
    await this.boss.insert(
      jobs.map(({ id, kind, attempts, priority }) => ({
        id,
        name: queueName(kind, laneOf({ kind, priority })),
        data: {},
        priority: attempts > 0 ? 1 : 0, // begun before: it goes before those that were never begun
      })),
    );
    for (const { kind } of jobs) {
      this.waiting.emit("waiting", kind);
    }
  }

  /** Brings jobs that wait, and were made live ones, into the queue for these. */
  async raise(jobs: readonly Waiting[]): Promise<void> {
    for (const { id, kind } of jobs) {
      await this.forget(id, queueName(kind, "batch"));
    }
    await this.enqueueMany(jobs);
  }

  /** Calls back at once when a job of a kind is enqueued in this process. @returns what ends it. */
  onWaiting(listener: (kind: JobKind) => void): () => void {
    this.waiting.on("waiting", listener);
    return () => this.waiting.off("waiting", listener);
  }

  /** Begins an attempt of the next job of a kind; null if none waits. @param lane Default: the live ones first. */
  async claim(kind: JobKind, lane?: Lane): Promise<JobRow | null> {
    for (const one of lane ? [lane] : lanesOf(kind)) {
      const job = await this.claimOf(queueName(kind, one));
      if (job) {
        return job;
      }
    }
    return null;
  }

  /** A sign of life, with news if there are any; null if the attempt is no longer this worker's. */
  heartbeat(attempt: Attempt, progress?: JobProgress): Promise<JobRow | null> {
    return this.options.jobs.heartbeat(attempt, progress);
  }

  complete(job: JobRow, result: unknown): Promise<void> {
    return this.end(job, this.options.jobs.complete(job, result));
  }

  fail(job: JobRow, code: string, message: string): Promise<void> {
    return this.end(job, this.options.jobs.fail(job, code, message));
  }

  cancel(job: JobRow): Promise<void> {
    return this.end(job, this.options.jobs.cancel(job));
  }

  /** Puts an unfinished job back, as if this attempt had not been. */
  async release(job: JobRow): Promise<void> {
    const released = this.options.jobs.release(job);
    await this.end(job, released);
    if (await released) {
      await this.enqueue(job); // as it was when this attempt began: begun before
    }
  }

  /** Lets go of an attempt that another worker has taken over; nothing is recorded. */
  abandon({ id }: Attempt): void {
    this.claimed.delete(id);
  }

  /**
   * Repairs what crashes leave: jobs of lost workers go back to the queue (or fail), and queued jobs without an entry
   * that can be claimed get one.
   *
   * @param isFirst nothing runs yet in the only process there is, so every running job is lost.
   */
  async reconcile(isFirst = false): Promise<void> {
    const { pool, jobs, lostAfterMs = LOST_AFTER_MS, onGivenUp } = this.options;
    const silentMs = isFirst ? 0 : lostAfterMs;
    const claimed = [...this.claimed];
    const lost = await jobs.takeFromLostWorkers(claimed, silentMs);
    for (const job of lost) {
      await this.boss.deleteJob(queueName(job.kind, laneOf(job)), job.id);
      if (job.state === "FAILED") {
        onGivenUp?.(job);
      }
    }
    // A fresh claim is not an orphan: its job will be running in a moment.
    const { rows: orphans } = await pool.query<Waiting>(
      `SELECT job.id, job.kind, job.attempts, job.priority FROM jobs AS job
       WHERE job.state = 'QUEUED' AND job.id <> ALL($1::uuid[]) AND NOT EXISTS (
         SELECT FROM pgboss.job AS entry
         WHERE entry.name IN (job.kind::text, job.kind::text || '_LIVE') AND entry.id = job.id AND (
           entry.state < 'active' OR
           (entry.state = 'active' AND entry.started_on > now() - $2 * interval '1 ms')))
       ORDER BY job.created_at, job.id`,
      [claimed, silentMs],
    );
    for (const job of orphans) {
      await this.boss.deleteJob(queueName(job.kind, laneOf(job)), job.id);
      await this.enqueue(job);
    }
  }

  private async claimOf(name: string): Promise<JobRow | null> {
    for (;;) {
      const entries = await this.boss.fetch(name, claimOptions); // none also when the database cannot be reached
      if (entries.length === 0) {
        return null;
      }
      const [{ id }] = entries;
      this.claimed.add(id);
      const job = await this.options.jobs.start(id).catch((error: unknown) => {
        this.claimed.delete(id);
        throw error;
      });
      if (job) {
        return job;
      }
      await this.forget(id, name); // cancelled while it waited, or an entry too many
    }
  }

  /** Ends an attempt, recorded or not: what could not be recorded is lost after a while, and found by `reconcile`. */
  private async end(job: JobRow, recorded: Promise<JobRow | null>): Promise<void> {
    try {
      await recorded;
    } finally {
      this.claimed.delete(job.id);
    }
    await this.forget(job.id, queueName(job.kind, laneOf(job)));
  }

  private async forget(id: string, name: string): Promise<void> {
    this.claimed.delete(id);
    await this.boss.deleteJob(name, id);
  }
}

/** pg-boss sends several statements at once, with its own BEGIN and COMMIT, so a failed batch must be rolled back here. */
async function execute(pool: Pool, sql: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
  const client = await pool.connect();
  try {
    const result: unknown = values?.length
      ? await client.query(sql, values)
      : await client.query(sql);
    const results = (Array.isArray(result) ? result : [result]) as { rows?: unknown[] }[];
    return { rows: results.flatMap(({ rows }) => rows ?? []) };
  } catch (error) {
    if (!values?.length) {
      await client.query("ROLLBACK").catch(() => undefined);
    }
    throw error;
  } finally {
    client.release();
  }
}
