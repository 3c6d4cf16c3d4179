/** @file Pages of lists by the place of the last row seen, so that rows added meanwhile move nothing. */

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
