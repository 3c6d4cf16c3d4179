/**
 * @file Keyset pagination: pages start after the last row seen. Rows inserted between requests cause neither duplicates
 * nor gaps.
 */

import type { Pool } from "pg";
import { prepared } from "./prepared.js";

/** The position of a row in a sorted list: its sort key, then its id. */
export interface Position<Value extends Date | number> {
  readonly value: Value;
  readonly id: string;
}

export interface PageRequest<Value extends Date | number> {
  /** Maximum number of rows. */
  readonly limit: number;
  /** The last row of the previous page; null for the first page. */
  readonly after: Position<Value> | null;
}

/** Prisma's `where` for the rows after `after` in `(createdAt, id)` order, newest first unless `ascending`. */
export function afterInTime(after: Position<Date> | null, ascending = false) {
  if (!after) {
    return {};
  }
  const { value, id } = after;
  return ascending
    ? { createdAt: { gte: value }, OR: [{ createdAt: { gt: value } }, { id: { gt: id } }] }
    : { createdAt: { lte: value }, OR: [{ createdAt: { lt: value } }, { id: { lt: id } }] };
}

/** No transaction of this product is longer (`database.ts`); an older one, such as a backup, is ignored. */
const LONGEST_TRANSACTION = "120 s";

/** `created_at` is rounded to milliseconds, so it can be 1 ms before the transaction. */
const COMPLETE_UNTIL = prepared(
  `SELECT date_trunc('milliseconds', min(xact_start)) - interval '1 ms' AS until FROM pg_stat_activity
   WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
     AND xact_start > now() - interval '${LONGEST_TRANSACTION}'`,
);

/**
 * The time up to which rows are complete: a running transaction may still commit later ones. Null if none runs.
 *
 * A list in ascending `createdAt` order must end before this time, so that no late commit appears before a position that
 * a reader has passed. Read it in a separate statement before the page.
 */
export async function completeUntil(pool: Pick<Pool, "query">): Promise<Date | null> {
  const { rows } = await pool.query<{ until: Date | null }>(COMPLETE_UNTIL);
  return rows[0].until;
}
