/** @file Pages of lists by the place of the last row seen, so that rows added meanwhile move nothing. */

import type { PrismaTransaction } from "./database.js";

/** The place of a row in a sorted list: what it is sorted by, then its id. */
export interface Position<Value extends Date | number> {
  readonly value: Value;
  readonly id: string;
}

export interface PageRequest<Value extends Date | number> {
  /** Rows wanted at most. */
  readonly limit: number;
  /** Where the page before ended; null for the first page. */
  readonly after: Position<Value> | null;
}

/** Prisma's `where` for what follows `after` in `(createdAt, id)` order, newest first unless `ascending`. */
export function afterInTime(after: Position<Date> | null, ascending = false) {
  if (!after) {
    return {};
  }
  const { value, id } = after;
  return ascending
    ? { createdAt: { gte: value }, OR: [{ createdAt: { gt: value } }, { id: { gt: id } }] }
    : { createdAt: { lte: value }, OR: [{ createdAt: { lt: value } }, { id: { lt: id } }] };
}

/** No transaction of this product is longer (`database.ts`); an older one, such as a backup, holds nothing back. */
const LONGEST_TRANSACTION = "120 s";

/**
 * Until when rows are complete: a transaction that still runs may commit rows that were created since. Null if none runs.
 *
 * A list in ascending `createdAt` order shows rows before this time only. Then no row that commits late appears before a place
 * that a reader has already passed. Read it in a statement of its own, before the page: a row of a later transaction is created
 * later.
 */
export async function completeUntil(
  prisma: Pick<PrismaTransaction, "$queryRawUnsafe">,
): Promise<Date | null> {
  // `created_at` is rounded to milliseconds, so it can be one earlier than the transaction.
  const [{ until }] = await prisma.$queryRawUnsafe<[{ until: Date | null }]>(
    `SELECT date_trunc('milliseconds', min(xact_start)) - interval '1 ms' AS until FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
       AND xact_start > now() - interval '${LONGEST_TRANSACTION}'`,
  );
  return until;
}
