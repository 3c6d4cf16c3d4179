/**
 * @file The `jobs` table: the one record of work that outlives a request (docs/adr/0015).
 *
 * Terms
 * - claim: to take the next queued job and begin an attempt of it, in one statement.
 * - attempt: one run of a job by one worker, numbered by `attempts`.
 * - lane: live jobs, which somebody waits for, or batch jobs. A worker has room for each.
 * - lost: an attempt whose worker gave no sign of life for {@link LOST_AFTER_MS}.
 *
 * Every change of state names the state it comes from, so of two processes that try only one succeeds. All but the first
 * also name the attempt, so a lost worker that comes back cannot overwrite what its successor does. All times are the
 * database's.
 */
import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { AppError } from "../errors/app-error.js";
import type { JobKind, JobRow } from "./rows.js";

/** Times a job is started before it fails, when its workers die. */
export const MAX_ATTEMPTS = 3;

/** A worker gives a sign of life every 5 s; after six missed in a row it is gone. */
export const LOST_AFTER_MS = 30_000;

/** A sign of life from further in the future than this is of a time before the clock was set back. */
const FUTURE_MINUTES = 1;

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

interface StoredJob extends NewJob {
  id: string;
  priority: number;
}

export const JobPriority = {
  /** One of many that nobody waits for. */
  BATCH: 0,
  /** Somebody waits for it. */
  LIVE: 1,
} as const;

/** Jobs that somebody waits for, and the others. */
export type Lane = "live" | "batch";

/** Kinds of which some jobs are waited for have two lanes. */
export function lanesOf(kind: JobKind): readonly Lane[] {
  return kind === "PERSONALIZE_IMAGE" ? ["live", "batch"] : ["batch"];
}

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

const SERVED_ORDER = "priority DESC, created_at, id";

/** Whether one job is served before another of its kind, or is that job. */
export const isServedBefore = (one: string, other: string) =>
  `(-${one}.priority, ${one}.created_at, ${one}.id) <= (-${other}.priority, ${other}.created_at, ${other}.id)`;

const IS_ATTEMPT = "id = $1 AND attempts = $2 AND state = 'RUNNING'";

/** A queued job ends at once; a running one is told. */
const CANCELLED = `cancel_requested = true,
         finished_at = CASE WHEN state = 'QUEUED' THEN now() END,
         state = CASE WHEN state = 'QUEUED' THEN 'CANCELLED' ELSE state END`;

export class JobsRepository {
  constructor(private readonly pool: Pool) {}

  /**
   * Stores queued jobs in one statement. Where a job with the key is queued or running, that one is returned; if it is
   * queued, it gets the higher of the two priorities. Jobs of one call are served in their order.
   *
   * @returns in the order of `jobs`; of two with one key only the first is new.
   * @throws AppError `USER_NOT_FOUND`, `ITEM_NOT_FOUND`: nothing is stored then.
   */
  async createMany(jobs: readonly NewJob[]): Promise<{ job: JobRow; isNew: boolean }[]> {
    // Where two have one `created_at`, their ids are the order: those of a process rise.
    const ids = jobs.map(() => uuidv7());
    const byKey = new Map<string, StoredJob>();
    const keys = jobs.map((job, place) => {
      const key = job.dedupeKey ?? ids[place];
      const priority = job.priority ?? JobPriority.BATCH;
      const first = byKey.get(key);
      byKey.set(key, {
        ...(first ?? { ...job, id: ids[place] }),
        priority: Math.max(first?.priority ?? priority, priority),
      });
      return key;
    });
    const rows = jobs.length > 0 ? await this.insert([...byKey.values()]) : [];
    const stored = new Map(rows.map(job => [job.dedupeKey ?? job.id, job]));
    return keys.map((key, place) => {
      const job = stored.get(key)!; // stored, or found by its key
      return { job, isNew: job.id === ids[place] };
    });
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

  /** Those that exist, in any order. @param ids UUIDs */
  async findSnapshots(ids: readonly string[]): Promise<JobSnapshot[]> {
    const { rows } = await this.pool.query<JobSnapshot>(
      `WITH asked AS (SELECT * FROM jobs WHERE id = ANY($1::uuid[])),
         places AS (
           SELECT id, row_number() OVER (PARTITION BY kind ORDER BY ${SERVED_ORDER})::int AS place
           FROM jobs
           WHERE state = 'QUEUED' AND kind IN (SELECT kind FROM asked WHERE state = 'QUEUED')
         )
       SELECT ${COLUMNS}, place AS "queuePosition" FROM asked LEFT JOIN places USING (id)`,
      [ids],
    );
    return rows;
  }

  /** Begins the next attempt of the first job of a kind; null if none waits. @param lane Default: live jobs first. */
  claim(kind: JobKind, lane?: Lane): Promise<JobRow | null> {
    const priorities =
      lane === "live"
        ? `AND priority >= ${JobPriority.LIVE}`
        : lane && lanesOf(kind).includes("live")
          ? `AND priority < ${JobPriority.LIVE}`
          : "";
    return this.row(
      `UPDATE jobs SET state = 'RUNNING', attempts = attempts + 1, progress = 0, stage = '',
         started_at = now(), heartbeat_at = now()
       WHERE id = (
         SELECT id FROM jobs WHERE state = 'QUEUED' AND kind = $1::job_kind ${priorities}
         ORDER BY ${SERVED_ORDER} LIMIT 1 FOR UPDATE SKIP LOCKED
       ) RETURNING ${COLUMNS}`,
      [kind],
    );
  }

  /** A sign of life, with progress if there is any; null if the attempt is no longer this worker's. */
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
      `UPDATE jobs SET ${CANCELLED}
       WHERE id = $1 AND state IN ('QUEUED', 'RUNNING') RETURNING ${COLUMNS}`,
      [id],
    );
  }

  /** {@link requestCancel} for all images that are being made for a user. @returns the jobs. */
  requestCancelOfUser(userId: string): Promise<JobRow[]> {
    return this.rows(
      `UPDATE jobs SET ${CANCELLED}
       WHERE user_id = $1 AND kind = 'PERSONALIZE_IMAGE' AND state IN ('QUEUED', 'RUNNING') RETURNING ${COLUMNS}`,
      [userId],
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
           AND ($2::float8 = 0 OR coalesce(heartbeat_at, created_at) <= now() - $2::float8 * interval '1 ms'
             OR heartbeat_at > now() + interval '${FUTURE_MINUTES} min')
         FOR UPDATE SKIP LOCKED
       ) AS lost
       WHERE id = lost_id RETURNING ${COLUMNS}`,
      [except, silentMs, lost.code, lost.message, MAX_ATTEMPTS],
    );
  }

  /** @returns of each the job that was stored, or the one with its key. */
  private insert(jobs: readonly StoredJob[]): Promise<JobRow[]> {
    // Two processes that store the same jobs in another order would wait for each other.
    const rows = [...jobs].sort((a, b) => ((a.dedupeKey ?? a.id) < (b.dedupeKey ?? b.id) ? -1 : 1));
    const column = <Value>(value: (job: StoredJob) => Value) => rows.map(value);
    return this.rows(
      `INSERT INTO jobs (id, kind, payload, dedupe_key, user_id, item_id, priority)
       SELECT id, kind::job_kind, payload::jsonb, dedupe_key, user_id, item_id, priority
       FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[])
         AS given (id, kind, payload, dedupe_key, user_id, item_id, priority)
       ON CONFLICT (dedupe_key) WHERE state IN ('QUEUED', 'RUNNING') DO UPDATE SET
         priority = CASE WHEN jobs.state = 'QUEUED' THEN greatest(jobs.priority, excluded.priority) ELSE jobs.priority END
       RETURNING ${COLUMNS}`,
      [
        column(({ id }) => id),
        column(({ kind }) => kind),
        column(({ payload }) => JSON.stringify(payload)),
        column(({ dedupeKey }) => dedupeKey ?? null),
        column(({ userId }) => userId ?? null),
        column(({ itemId }) => itemId ?? null),
        column(({ priority }) => priority),
      ],
    ).catch((error: unknown) => {
      throw unknownReference(error);
    });
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
