/** @file Takes in what shoppers do, in bulk, as often as the shop sends it. */
import type { InteractionFilter, NewInteraction } from "../../db/interactions.repository.js";
import { AppError, type ErrorCode } from "../../errors/app-error.js";

/** A clock that runs ahead by less than this is forgiven. */
const MAX_AHEAD_MS = 5 * 60_000;
/** Postgres writes earlier years in another form. */
const EARLIEST_MS = Date.parse("0001-01-01T00:00:00Z");
/** Longest id of a user, in UTF-16 units. */
const MAX_USER_ID = 200;
/** What Postgres cannot store in a text. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

interface Dependencies {
  users: { upsertMany(users: readonly { id: string; isSimulated: boolean }[]): Promise<unknown> };
  items: { existing(ids: readonly string[]): Promise<ReadonlySet<string>> };
  interactions: {
    insertMany(rows: readonly NewInteraction[]): Promise<number>;
    deleteMany(filter: InteractionFilter): Promise<number>;
  };
  /** Default: the clock. */
  now?: () => Date;
  /** Told of which users other interactions are stored now; returns at once. */
  onChanged?: (userIds: readonly string[]) => void;
}

/** An interaction as a shop sends it. */
export type GivenInteraction = Omit<NewInteraction, "weight"> & {
  /** Default: 1. A RATING has none: it must be given. */
  weight?: number | null;
};

export interface RecordingOutcome {
  /** Rows that were new, or have another weight now. */
  accepted: number;
  /** Rows that were there already, or that a later row of the same call replaces. */
  duplicates: number;
  rejected: { index: number; code: ErrorCode; message: string }[];
}

export class InteractionRecordingService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Stores interactions; the same one twice counts once, with the weight given last. An unknown user is a new shopper; a row with an unknown item or
   * an impossible value is rejected alone.
   *
   * @param rows an invalid `Date` stands for a text that is no time.
   */
  async record(rows: readonly GivenInteraction[]): Promise<RecordingOutcome> {
    const { users, items, interactions, now = () => new Date() } = this.deps;
    const latestMs = now().getTime() + MAX_AHEAD_MS;
    const faults = rows.map(row => faultOf(row, latestMs));
    const sound = rows.filter((_, index) => !faults[index]);
    const known = await items.existing([...new Set(sound.map(({ itemId }) => itemId))]);
    const rejected: RecordingOutcome["rejected"] = [];
    const good: NewInteraction[] = [];
    for (const [index, row] of rows.entries()) {
      const { itemId } = row;
      const fault =
        faults[index] ?? (known.has(itemId) ? null : new AppError("ITEM_NOT_FOUND", { itemId }));
      if (fault) {
        rejected.push({ index, code: fault.code, message: fault.message });
      } else {
        good.push({ ...row, weight: Math.fround(row.weight ?? 1) });
      }
    }
    if (good.length === 0) {
      return { accepted: 0, duplicates: 0, rejected };
    }
    const userIds = [...new Set(good.map(({ userId }) => userId))];
    await users.upsertMany(userIds.map(id => ({ id, isSimulated: false })));
    const accepted = await interactions.insertMany(good);
    if (accepted > 0) {
      this.deps.onChanged?.(userIds);
    }
    return { accepted, duplicates: good.length - accepted, rejected };
  }

  /**
   * Takes back what a user did with an item: at once it is no part of their taste any more. Doing so again removes nothing.
   *
   * @returns how many interactions were removed.
   * @throws AppError INVALID_ARGUMENT
   */
  async remove(filter: InteractionFilter): Promise<number> {
    const { before, since, userId } = filter;
    if (since && before && since >= before) {
      throw new AppError("INVALID_ARGUMENT", {
        argument: "before",
        problem: "must be later than `since`",
      });
    }
    const removed = [filter.userId, filter.itemId].some(id => UNSTORABLE.test(id))
      ? 0 // nothing can be stored under such an id
      : await this.deps.interactions.deleteMany(filter);
    if (removed > 0) {
      this.deps.onChanged?.([userId]);
    }
    return removed;
  }
}

/** What is wrong with a row by itself; null if nothing is. The limits are those of the columns. */
function faultOf(
  { userId, itemId, kind, weight, occurredAt }: GivenInteraction,
  latestMs: number,
): AppError | null {
  const invalid = (argument: string, problem: string) =>
    new AppError("INVALID_ARGUMENT", { argument, problem });
  if (userId === "" || userId.length > MAX_USER_ID) {
    return invalid("userId", `must have 1 to ${MAX_USER_ID} characters`);
  }
  for (const [argument, id] of Object.entries({ userId, itemId })) {
    if (UNSTORABLE.test(id)) {
      return invalid(argument, "must not hold half a character (a lone surrogate) or U+0000");
    }
  }
  if (kind === "RATING" && (weight === null || weight === undefined)) {
    return invalid("weight", "must be given: a rating is its value");
  }
  // The column holds float32: a larger number overflows, and one that is too small becomes 0.
  if (weight != null && !(weight >= 0 && Number.isFinite(Math.fround(weight)))) {
    return invalid("weight", `must be a number from 0 to 3.4e38, but got ${weight}`);
  }
  const ms = occurredAt.getTime();
  if (Number.isNaN(ms)) {
    return invalid("occurredAt", "must be a time that exists, such as 2026-02-01T10:00:00Z");
  }
  if (ms < EARLIEST_MS) {
    return invalid("occurredAt", "must not be before the year 1");
  }
  if (ms > latestMs) {
    return invalid("occurredAt", "must be a time that has come");
  }
  return null;
}
