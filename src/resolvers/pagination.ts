/** @file Cursors: the position of a row in its list, opaque to clients and validated on return. */
import { z } from "zod";
import type { PageRequest, Position } from "../db/keyset.js";
import { isStorable } from "../db/storable-text.js";
import { isStorableTime } from "../db/storable-time.js";
import { AppError } from "../errors/app-error.js";
import { type Connection, type Edge, maxPageSize, type PageArgs } from "../schema/connection.js";

const text = z.string().min(1).max(1_000).refine(isStorable);
const time = z.iso
  .datetime()
  .transform(value => new Date(value))
  .refine(isStorableTime);
const finite = z.number();

function encode(list: string, ...place: readonly unknown[]): string {
  return Buffer.from(JSON.stringify([list, ...place])).toString("base64url");
}

function decode<Place>(cursor: string, list: string, place: z.ZodType<Place>): Place {
  try {
    const [name, ...rest] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
    const parsed = place.safeParse(rest);
    if (name === list && parsed.success) {
      return parsed.data;
    }
  } catch {
    // not JSON, or not a list: no valid cursor
  }
  throw new AppError("INVALID_CURSOR", { cursor: cursor.slice(0, 100) });
}

/** @throws AppError `PAGE_SIZE` */
function checkedSize(first: number): number {
  if (first < 1 || first > maxPageSize) {
    throw new AppError("PAGE_SIZE", { max: maxPageSize, got: first });
  }
  return first;
}

/** A list with keyset pagination: rows inserted between requests cause neither duplicates nor gaps. */
export class KeysetList<Row, Value extends Date | number> {
  private constructor(
    private readonly name: string,
    private readonly positionOf: (row: Row) => Position<Value>,
    private readonly place: z.ZodType<[Value, string]>,
  ) {}

  static byTime<Row>(
    name: string,
    positionOf: (row: Row) => Position<Date>,
    id: z.ZodType<string> = z.uuid(),
  ): KeysetList<Row, Date> {
    return new KeysetList(name, positionOf, z.tuple([time, id]));
  }

  static byNumber<Row>(
    name: string,
    positionOf: (row: Row) => Position<number>,
  ): KeysetList<Row, number> {
    return new KeysetList(name, positionOf, z.tuple([finite, z.uuid()]));
  }

  /**
   * Requests one extra row to learn whether another page follows.
   *
   * @throws AppError `PAGE_SIZE`, `INVALID_CURSOR`
   */
  request({ first, after }: PageArgs): PageRequest<Value> {
    const limit = checkedSize(first) + 1;
    if (after === undefined || after === null) {
      return { limit, after: null };
    }
    const [value, id] = decode(after, this.name, this.place);
    return { limit, after: { value, id } };
  }

  /** @param rows The result of {@link request}. */
  page(rows: readonly Row[], { first }: PageArgs): Connection<Row> {
    const edges = rows.slice(0, first).map((node): Edge<Row> => {
      const { value, id } = this.positionOf(node);
      return { cursor: encode(this.name, value, id), node };
    });
    return { edges, pageInfo: pageInfo(edges, rows.length > first) };
  }
}

/** Orders rows by `createdAt`, then by id. */
export const byCreation = (row: { createdAt: Date; id: string }): Position<Date> => ({
  value: row.createdAt,
  id: row.id,
});

export const itemIdPlace = text;
export const interactionIdPlace = z.string().regex(/^\d{1,18}$/);

/** A ranking that is recomputed for each page: its cursors are ranks, so a changed ranking may repeat or skip rows. */
export class RankedList {
  constructor(
    private readonly name: string,
    /** Highest rank reachable by paging. */
    private readonly maxRank: number,
  ) {}

  /**
   * The page holds the ranks `offset < rank <= end`.
   *
   * @throws AppError `PAGE_SIZE`, `INVALID_CURSOR`
   */
  request({ first, after }: PageArgs): { offset: number; end: number } {
    const size = checkedSize(first);
    const rank = z.tuple([z.int().min(1).max(this.maxRank)]);
    const offset = after === undefined || after === null ? 0 : decode(after, this.name, rank)[0];
    return { offset, end: Math.min(offset + size, this.maxRank) };
  }

  /** @param ranked The first `end + 1` rows of the ranking, or all of them. */
  page<Row extends object>(
    ranked: readonly Row[],
    { offset, end }: { offset: number; end: number },
  ): { edges: (Row & { cursor: string })[]; pageInfo: Connection<Row>["pageInfo"] } {
    const edges = ranked
      .slice(offset, end)
      .map((row, place) => ({ ...row, cursor: encode(this.name, offset + place + 1) }));
    return { edges, pageInfo: pageInfo(edges, ranked.length > end && end < this.maxRank) };
  }
}

function pageInfo(edges: readonly { cursor: string }[], hasNextPage: boolean) {
  return {
    hasNextPage,
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges[edges.length - 1]?.cursor ?? null,
  };
}
