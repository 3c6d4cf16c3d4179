/**
 * @file The `jobs` table: what people see of work that outlives a request.
 *
 * Every change of state names the state it comes from, so that of two processes that try only one succeeds; all but the
 * first also name the attempt, so that a worker that was given up for lost cannot overwrite what its successor does.
 * All times are the database's.
 */
import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { AppError } from "../errors/app-error.js";
import type { JobKind, JobRow } from "./rows.js";

/** Times a job is started before it is given up, when its workers die. */
export const MAX_ATTEMPTS = 3;

export interface NewJob {
  kind: JobKind;
  /** What to do, by kind; JSON. */
  payload: object;
  /** While a job with this key is queued or running there is no second; null for none. */
  dedupeKey?: string | null;
  userId?: string | null;
  itemId?: string | null;
  /** Jobs of a kind with a higher one are served first; default {@link JobPriority.BATCH}. */
  priority?: number;
}

export const JobPriority = {
  /** One of many that nobody waits for. */
  BATCH: 0,
  /** Somebody waits for it. */
  LIVE: 1,
} as const;

/** A job with its place in the queue of its kind: 1 is next; null when it is not queued. */
export type JobSnapshot = JobRow & { queuePosition: number | null };

/** One start of a job; `attempts` tells it from earlier ones. */
export type Attempt = Pick<JobRow, "id" | "attempts">;

export interface JobProgress {
  /** Part done, 0..1. */
  progress: number;
  /** What is being done, for people. */
  stage: string;
  /** Content hash of the newest preview picture; null keeps the one before. */
  previewHash: string | null;
}

const COLUMNS = `id, kind, state, payload, dedupe_key AS "dedupeKey", priority, progress, stage,
  preview_hash AS "previewHash", result, error_code AS "errorCode", error_message AS "errorMessage", attempts,
  cancel_requested AS "cancelRequested", user_id AS "userId", item_id AS "itemId", created_at AS "createdAt",
  started_at AS "startedAt", heartbeat_at AS "heartbeatAt", finished_at AS "finishedAt"`;

/** Whether one job is served before another of its kind, or is that job. */
export const isServedBefore = (one: string, other: string) =>
  `(-${one}.priority, ${one}.created_at, ${one}.id) <= (-${other}.priority, ${other}.created_at, ${other}.id)`;

const IS_ATTEMPT = "id = $1 AND attempts = $2 AND state = 'RUNNING'";

export class JobsRepository {
  constructor(private readonly pool: Pool) {}

  /**
   * Stores a queued job, or finds the one with its key that is queued or running.
   *
   * @throws AppError `USER_NOT_FOUND`, `ITEM_NOT_FOUND`
   */
  async create(job: NewJob): Promise<{ job: JobRow; isNew: boolean }> {
    const [created] = await this.createMany([job]);
    return created;
  }

  /**
   * {@link create} for many, in two statements; of two with one key the second is the first. Jobs of one call are served in
   * their order.
   *
   * @throws AppError `USER_NOT_FOUND`, `ITEM_NOT_FOUND`: nothing is stored then.
   */
  async createMany(jobs: readonly NewJob[]): Promise<{ job: JobRow; isNew: boolean }[]> {
    // All have one `created_at`, so their ids are the order.
    const ids = jobs.map(() => randomUUID()).sort();
    const wanted = jobs.map((job, place) => ({ ...job, id: ids[place] }));
    const found = new Map<string, { job: JobRow; isNew: boolean }>();
    const outcomeOf = ({ id, dedupeKey }: { id: string; dedupeKey?: string | null }) =>
      found.get(id) ?? found.get(dedupeKey ?? "");
    for (;;) {
      const missing = wanted.filter(job => !outcomeOf(job));
      if (missing.length === 0) {
        return wanted.map(job => {
          const outcome = outcomeOf(job)!; // none is missing
          return { ...outcome, isNew: outcome.isNew && outcome.job.id === job.id };
        });
      }
      for (const job of await this.insert(missing)) {
        found.set(job.id, { job, isNew: true });
        found.set(job.dedupeKey ?? job.id, { job, isNew: true });
      }
      const keys = missing.flatMap(job => (outcomeOf(job) ? [] : (job.dedupeKey ?? [])));
      for (const job of keys.length > 0 ? await this.findUnfinished(keys) : []) {
        found.set(job.dedupeKey!, { job, isNew: false }); // it was found by its key
      } // one that ended between the two statements has freed its key, and is stored in the next round
    }
  }

  async findById(id: string): Promise<JobRow | null> {
    return this.row(`SELECT ${COLUMNS} FROM jobs WHERE id = $1`, [id]);
  }

  /** In the order of `ids`; null for one that is not there. */
  async findByIds(ids: readonly string[]): Promise<(JobRow | null)[]> {
    const rows = await this.rows(`SELECT ${COLUMNS} FROM jobs WHERE id = ANY($1::uuid[])`, [ids]);
    const byId = new Map(rows.map(row => [row.id, row]));
    return ids.map(id => byId.get(id) ?? null);
  }

  /** The newest job with this key that ended well. */
  async findSucceeded(dedupeKey: string): Promise<JobRow | null> {
    return this.row(
      `SELECT ${COLUMNS} FROM jobs WHERE dedupe_key = $1 AND state = 'SUCCEEDED'
       ORDER BY finished_at DESC, id LIMIT 1`,
      [dedupeKey],
    );
  }

  /** Of each key the job that is queued or running, else the newest that ended well. */
  findCurrent(dedupeKeys: readonly string[]): Promise<JobRow[]> {
    return this.rows(
      `SELECT DISTINCT ON (dedupe_key) ${COLUMNS} FROM jobs
       WHERE dedupe_key = ANY($1::text[]) AND state IN ('QUEUED', 'RUNNING', 'SUCCEEDED')
       ORDER BY dedupe_key, (state = 'SUCCEEDED'), finished_at DESC, id`,
      [dedupeKeys],
    );
  }

  /** Jobs of a kind and priority that wait. */
  async countQueued(kind: JobKind, priority: number): Promise<number> {
    const { rows } = await this.pool.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM jobs WHERE state = 'QUEUED' AND kind = $1::job_kind AND priority = $2",
      [kind, priority],
    );
    return rows[0].n;
  }

  async findSnapshot(id: string): Promise<JobSnapshot | null> {
    const { rows } = await this.pool.query<JobSnapshot>(
      `SELECT ${COLUMNS},
         CASE WHEN state = 'QUEUED' THEN (
           SELECT count(*)::int FROM jobs AS earlier
           WHERE earlier.state = 'QUEUED' AND earlier.kind = jobs.kind
             AND ${isServedBefore("earlier", "jobs")}
         ) END AS "queuePosition"
       FROM jobs WHERE id = $1`,
      [id],
    );
    return rows[0] ?? null;
  }

  /** Queued jobs of these ids get a higher priority; one that has it, or is not queued, stays as it is. @returns those changed. */
  raise(ids: readonly string[], priority: number): Promise<JobRow[]> {
    return this.rows(
      `UPDATE jobs SET priority = $2 WHERE id = ANY($1::uuid[]) AND state = 'QUEUED' AND priority < $2
       RETURNING ${COLUMNS}`,
      [ids, priority],
    );
  }

  /** Begins the next attempt of a queued job; null if it is no longer queued. */
  start(id: string): Promise<JobRow | null> {
    return this.row(
      `UPDATE jobs SET state = 'RUNNING', attempts = attempts + 1, progress = 0, stage = '',
         started_at = now(), heartbeat_at = now()
       WHERE id = $1 AND state = 'QUEUED' RETURNING ${COLUMNS}`,
      [id],
    );
  }

  /** A sign of life, with news if there are any; null if the attempt is no longer this worker's. */
  heartbeat({ id, attempts }: Attempt, progress?: JobProgress): Promise<JobRow | null> {
    return this.row(
      `UPDATE jobs SET heartbeat_at = now(), progress = coalesce($3, progress), stage = coalesce($4, stage),
         preview_hash = coalesce($5, preview_hash)
       WHERE ${IS_ATTEMPT} RETURNING ${COLUMNS}`,
      [
        id,
        attempts,
        progress?.progress ?? null,
        progress?.stage ?? null,
        progress?.previewHash ?? null,
      ],
    );
  }

  /** @param result what came of it, by kind; JSON, or undefined for nothing. */
  complete({ id, attempts }: Attempt, result: unknown): Promise<JobRow | null> {
    return this.row(
      `UPDATE jobs SET state = 'SUCCEEDED', progress = 1, result = $3::jsonb, finished_at = now()
       WHERE ${IS_ATTEMPT} RETURNING ${COLUMNS}`,
      [id, attempts, result === undefined ? null : JSON.stringify(result)],
    );
  }

  fail({ id, attempts }: Attempt, code: string, message: string): Promise<JobRow | null> {
    return this.row(
      `UPDATE jobs SET state = 'FAILED', error_code = $3, error_message = $4, finished_at = now()
       WHERE ${IS_ATTEMPT} RETURNING ${COLUMNS}`,
      [id, attempts, code, message],
    );
  }

  cancel({ id, attempts }: Attempt): Promise<JobRow | null> {
    return this.row(
      `UPDATE jobs SET state = 'CANCELLED', finished_at = now() WHERE ${IS_ATTEMPT} RETURNING ${COLUMNS}`,
      [id, attempts],
    );
  }

  /** Gives back a running job that its worker will not finish; the attempt does not count. */
  release({ id, attempts }: Attempt): Promise<JobRow | null> {
    return this.row(
      `UPDATE jobs SET state = 'QUEUED', attempts = attempts - 1, progress = 0, stage = '', heartbeat_at = NULL
       WHERE ${IS_ATTEMPT} RETURNING ${COLUMNS}`,
      [id, attempts],
    );
  }

  /** Cancels a queued job at once and tells the worker of a running one; null if it has ended or is not there. */
  requestCancel(id: string): Promise<JobRow | null> {
    return this.row(
      `UPDATE jobs SET cancel_requested = true,
         finished_at = CASE WHEN state = 'QUEUED' THEN now() END,
         state = CASE WHEN state = 'QUEUED' THEN 'CANCELLED' ELSE state END
       WHERE id = $1 AND state IN ('QUEUED', 'RUNNING') RETURNING ${COLUMNS}`,
      [id],
    );
  }

  /**
   * Takes running jobs from workers that have given no sign of life: back to the queue, or to their end when they were to
   * be cancelled or have been started {@link MAX_ATTEMPTS} times.
   *
   * @param except jobs that run in this process, however late their sign of life is.
   * @param silentMs without a sign of life for longer; 0 takes all.
   */
  takeFromLostWorkers(except: readonly string[], silentMs: number): Promise<JobRow[]> {
    const lost = new AppError("WORKER_LOST");
    return this.rows(
      `UPDATE jobs SET
         state = next_state, heartbeat_at = NULL,
         progress = CASE WHEN next_state = 'QUEUED' THEN 0 ELSE progress END,
         stage = CASE WHEN next_state = 'QUEUED' THEN '' ELSE stage END,
         finished_at = CASE WHEN next_state <> 'QUEUED' THEN now() END,
         error_code = CASE WHEN next_state = 'FAILED' THEN $3 END,
         error_message = CASE WHEN next_state = 'FAILED' THEN $4 END
       FROM (
         SELECT id AS lost_id, (CASE WHEN cancel_requested THEN 'CANCELLED' WHEN attempts >= $5 THEN 'FAILED'
           ELSE 'QUEUED' END)::job_state AS next_state
         FROM jobs
         WHERE state = 'RUNNING' AND id <> ALL($1::uuid[])
           AND coalesce(heartbeat_at, created_at) <= now() - $2 * interval '1 ms'
         FOR UPDATE SKIP LOCKED
       ) AS lost
       WHERE id = lost_id RETURNING ${COLUMNS}`,
      [except, silentMs, lost.code, lost.message, MAX_ATTEMPTS],
    );
  }

  private findUnfinished(dedupeKeys: readonly string[]): Promise<JobRow[]> {
    return this.rows(
      `SELECT ${COLUMNS} FROM jobs WHERE dedupe_key = ANY($1::text[]) AND state IN ('QUEUED', 'RUNNING')`,
      [dedupeKeys],
    );
  }

  /** @returns those that were stored: of one key there is one. */
  private async insert(jobs: readonly (NewJob & { id: string })[]): Promise<JobRow[]> {
    // Two processes that store the same jobs in another order would wait for each other.
    const rows = [...jobs].sort((a, b) => ((a.dedupeKey ?? a.id) < (b.dedupeKey ?? b.id) ? -1 : 1));
    const column = <Value>(value: (job: NewJob & { id: string }) => Value) => rows.map(value);
    // pool.query() throws a connection away whose statement failed, and the embedded database has only one.
    const client = await this.pool.connect();
    try {
      const { rows: stored } = await client.query<JobRow>(
        `INSERT INTO jobs (id, kind, payload, dedupe_key, user_id, item_id, priority)
         SELECT id, kind::job_kind, payload::jsonb, dedupe_key, user_id, item_id, priority
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[])
           AS given (id, kind, payload, dedupe_key, user_id, item_id, priority)
         ON CONFLICT (dedupe_key) WHERE state IN ('QUEUED', 'RUNNING') DO NOTHING
         RETURNING ${COLUMNS}`,
        [
          column(({ id }) => id),
          column(({ kind }) => kind),
          column(({ payload }) => JSON.stringify(payload)),
          column(({ dedupeKey }) => dedupeKey ?? null),
          column(({ userId }) => userId ?? null),
          column(({ itemId }) => itemId ?? null),
          column(({ priority }) => priority ?? JobPriority.BATCH),
        ],
      );
      return stored;
    } catch (error) {
      throw unknownReference(error);
    } finally {
      client.release();
    }
  }

  private async rows(sql: string, values: unknown[]): Promise<JobRow[]> {
    return (await this.pool.query<JobRow>(sql, values)).rows;
  }

  private async row(sql: string, values: unknown[]): Promise<JobRow | null> {
    return (await this.rows(sql, values))[0] ?? null;
  }
}

/** A user or item deleted (or never there) when the job is stored. */
function unknownReference(error: unknown): unknown {
  const { constraint, detail = "" } = error as { constraint?: string; detail?: string };
  const id = /\)=\((.*)\) is not present/s.exec(detail)?.[1] ?? ""; // Key (user_id)=(nobody) is not present in table "users".
  if (constraint === "jobs_user_id_fkey") {
    return new AppError("USER_NOT_FOUND", { userId: id }, { cause: error });
  }
  if (constraint === "jobs_item_id_fkey") {
    return new AppError("ITEM_NOT_FOUND", { itemId: id }, { cause: error });
  }
  return error;
}
