/** @file The shop in numbers. */
import type { Pool } from "pg";
import type { JobKind, JobState } from "./rows.js";

export interface Overview {
  numItems: number;
  numAvailableItems: number;
  /** Items whose caption has an embedding by the encoder. */
  numIndexedItems: number;
  numUsers: number;
  numInteractions: number;
  numImages: number;
  numRejectedImages: number;
  /** Jobs that have not ended, and those that failed since a time, by kind and state. */
  jobs: { kind: JobKind; state: JobState; count: number }[];
  /** What the requests decided since a time came to: `SHOWN`, or why the catalogue image stays. */
  outcomes: { reason: string; count: number }[];
}

export class OverviewRepository {
  constructor(private readonly pool: Pick<Pool, "query">) {}

  /** One statement. @param since Of jobs that failed, and of requests. */
  async read(encoder: string, since: Date): Promise<Overview> {
    const { rows } = await this.pool.query<Overview>(
      `SELECT (SELECT count(*)::int FROM items) AS "numItems",
         (SELECT count(*)::int FROM items WHERE is_available) AS "numAvailableItems",
         (SELECT count(*)::int FROM embeddings WHERE kind = 'CAPTION' AND encoder = $1) AS "numIndexedItems",
         (SELECT count(*)::int FROM users) AS "numUsers",
         (SELECT count(*)::float8 FROM interactions) AS "numInteractions",
         (SELECT count(*)::int FROM personalized_images) AS "numImages",
         (SELECT count(*)::int FROM image_rejections) AS "numRejectedImages",
         (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'state', state, 'count', count) ORDER BY kind, state), '[]')
          FROM (
            SELECT kind, state, count(*)::int AS count FROM jobs
            WHERE state IN ('QUEUED', 'RUNNING') OR (state = 'FAILED' AND created_at >= $2)
            GROUP BY kind, state
          ) AS open) AS jobs,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('reason', reason, 'count', count) ORDER BY count DESC, reason), '[]')
          FROM (
            SELECT reason, count(*)::int AS count FROM (
              SELECT CASE WHEN is_served THEN 'SHOWN' ELSE 'RANKED_LOWER' END AS reason
              FROM personalized_images AS image WHERE created_at >= $2
                AND NOT EXISTS (SELECT FROM image_rejections WHERE image_rejections.blob_hash = image.blob_hash)
              UNION ALL SELECT reason FROM image_refusals WHERE created_at >= $2
            ) AS decided GROUP BY reason
          ) AS outcomes) AS outcomes`,
      [encoder, since],
    );
    return rows[0];
  }
}
