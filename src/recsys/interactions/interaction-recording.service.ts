/** @file Takes in what shoppers do, in bulk, as often as the shop sends it. */
import type { InteractionFilter, NewInteraction } from "../../db/interactions.repository.js";
import { retryConflicts } from "../../db/retry.js";
import { isStorable, UNSTORABLE_PROBLEM } from "../../db/storable-text.js";
import { AppError, type ErrorCode } from "../../errors/app-error.js";
import { parseTime, parseWeight, ValueFault } from "./interaction-values.js";

/** Longest id of a user, in UTF-16 units. */
const MAX_USER_ID = 200;

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
export type GivenInteraction = Omit<NewInteraction, "weight" | "occurredAt"> & {
  /** A time in any form that imported files may have (`parseTime`). */
  occurredAt: unknown;
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
   */
  async record(rows: readonly GivenInteraction[]): Promise<RecordingOutcome> {
    const { users, items, interactions, now = () => new Date() } = this.deps;
    const checked = rows.map(row => checkedRow(row, now()));
    const sound = checked.flatMap(row => (row instanceof AppError ? [] : [row.itemId]));
    const known = await items.existing([...new Set(sound)]);
    const rejected: RecordingOutcome["rejected"] = [];
    const good: NewInteraction[] = [];
    for (const [index, row] of checked.entries()) {
      if (row instanceof AppError) {
        rejected.push({ index, code: row.code, message: row.message });
      } else if (known.has(row.itemId)) {
        good.push(row);
      } else {
        const { code, message } = new AppError("ITEM_NOT_FOUND", { itemId: row.itemId });
        rejected.push({ index, code, message });
      }
    }
    if (good.length === 0) {
      return { accepted: 0, duplicates: 0, rejected };
    }
    const userIds = [...new Set(good.map(({ userId }) => userId))];
    const newUsers = userIds.map(id => ({ id, isSimulated: false }));
    await retryConflicts(() => users.upsertMany(newUsers));
    const accepted = await retryConflicts(() => interactions.insertMany(good));
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
    const removed = [filter.userId, filter.itemId].some(id => !isStorable(id))
      ? 0 // nothing can be stored under such an id
      : await this.deps.interactions.deleteMany(filter);
    if (removed > 0) {
      this.deps.onChanged?.([userId]);
    }
    return removed;
  }
}

/** The row as it is stored, or what is wrong with it by itself. The limits are those of the columns. */
function checkedRow(
  { userId, itemId, kind, weight, occurredAt }: GivenInteraction,
  now: Date,
): NewInteraction | AppError {
  const invalid = (argument: string, problem: string) =>
    new AppError("INVALID_ARGUMENT", { argument, problem });
  if (userId === "" || userId.length > MAX_USER_ID) {
    return invalid("userId", `must have 1 to ${MAX_USER_ID} characters`);
  }
  for (const [argument, id] of Object.entries({ userId, itemId })) {
    if (!isStorable(id)) {
      return invalid(argument, UNSTORABLE_PROBLEM);
    }
  }
  if (kind === "RATING" && (weight === null || weight === undefined)) {
    return invalid("weight", "must be given: a rating is its value");
  }
  let argument = "weight";
  try {
    const stored = parseWeight(weight ?? 1);
    argument = "occurredAt";
    return { userId, itemId, kind, weight: stored, occurredAt: parseTime(occurredAt, now) };
  } catch (error) {
    if (error instanceof ValueFault) {
      return invalid(argument, error.message);
    }
    throw error;
  }
}
