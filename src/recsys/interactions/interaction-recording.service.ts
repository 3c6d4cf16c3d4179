/** @file Records interactions in bulk; repeated rows are harmless. */
import type { InteractionFilter, NewInteraction } from "../../db/interactions.repository.js";
import { retryConflicts } from "../../db/retry.js";
import { isStorable, UNSTORABLE_PROBLEM } from "../../db/storable-text.js";
import { AppError, type ErrorCode } from "../../errors/app-error.js";
import { parseTime, parseWeight, ValueFault } from "./interaction-values.js";
import { problemOfUserId } from "./user-id.js";

interface Dependencies {
  users: {
    upsertMany(users: readonly { id: string; isSimulated: boolean }[]): Promise<unknown>;
    findOptedOut(ids: readonly string[]): Promise<ReadonlySet<string>>;
  };
  items: { existing(ids: readonly string[]): Promise<ReadonlySet<string>> };
  /** Default: none. */
  variants?: {
    /** Variant id -> its item, where exactly one item has it. */
    itemsOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  };
  interactions: {
    insertMany(rows: readonly NewInteraction[]): Promise<number>;
    deleteMany(filter: InteractionFilter): Promise<number>;
  };
  /** Default: the clock. */
  now?: () => Date;
  /** Called with the users whose interactions changed; returns immediately. */
  onChanged?: (userIds: readonly string[]) => void;
}

/** An interaction as a shop sends it. */
export type GivenInteraction = Omit<NewInteraction, "weight" | "occurredAt"> & {
  /** A time in any form that imported files may have (`parseTime`). */
  occurredAt: unknown;
  /** Default: 1. Required for a RATING. */
  weight?: number | null;
};

export interface RecordingOutcome {
  /** Rows that were new, or changed a weight. */
  accepted: number;
  /** Rows that existed already, or that a later row of the same call replaces. */
  duplicates: number;
  rejected: { index: number; code: ErrorCode; message: string }[];
}

export class InteractionRecordingService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Stores interactions; of equal ones the last weight counts. A variant's id counts for its item. Creates unknown users;
   * rejects single rows with an unknown item, an invalid value or a user who opted out.
   */
  async record(rows: readonly GivenInteraction[]): Promise<RecordingOutcome> {
    const { users, interactions, now = () => new Date() } = this.deps;
    const checked = rows.map(row => checkedRow(row, now()));
    const sound = checked.flatMap(row => (row instanceof AppError ? [] : [row.itemId]));
    const itemOf = await this.itemsOf([...new Set(sound)]);
    const givenUsers = checked.flatMap(row => (row instanceof AppError ? [] : [row.userId]));
    const optedOut = await users.findOptedOut([...new Set(givenUsers)]);
    const rejected: RecordingOutcome["rejected"] = [];
    const good: NewInteraction[] = [];
    for (const [index, row] of checked.entries()) {
      const accepted = row instanceof AppError ? row : acceptedRow(row, { itemOf, optedOut });
      if (accepted instanceof AppError) {
        rejected.push({ index, code: accepted.code, message: accepted.message });
      } else {
        good.push(accepted);
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
   * Deletes a user's interactions with an item, or with the item of a variant; they no longer influence recommendations.
   * Repeating it removes nothing.
   *
   * @returns the number of removed interactions.
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
      ? 0 // no stored id can match
      : await this.deps.interactions.deleteMany(await this.withItem(filter));
    if (removed > 0) {
      this.deps.onChanged?.([userId]);
    }
    return removed;
  }

  /** Given id -> the item with that id, else the only item with such a variant; without those that are neither. */
  private async itemsOf(ids: readonly string[]): Promise<Map<string, string>> {
    const { items, variants } = this.deps;
    const known = await items.existing(ids);
    const unknown = ids.filter(id => !known.has(id));
    const ofVariants = unknown.length > 0 ? await variants?.itemsOf(unknown) : undefined;
    return new Map([...[...known].map(id => [id, id] as const), ...(ofVariants ?? [])]);
  }

  private async withItem(filter: InteractionFilter): Promise<InteractionFilter> {
    const items = await this.itemsOf([filter.itemId]);
    return { ...filter, itemId: items.get(filter.itemId) ?? filter.itemId };
  }
}

/** The row with the id of its item, or why it cannot be stored. */
function acceptedRow(
  row: NewInteraction,
  { itemOf, optedOut }: { itemOf: ReadonlyMap<string, string>; optedOut: ReadonlySet<string> },
): NewInteraction | AppError {
  const itemId = itemOf.get(row.itemId);
  if (itemId === undefined) {
    return new AppError("ITEM_NOT_FOUND", { itemId: row.itemId });
  }
  const { userId } = row;
  return optedOut.has(userId) ? new AppError("USER_OPTED_OUT", { userId }) : { ...row, itemId };
}

/** The row to store, or its fault. The limits are those of the columns. */
function checkedRow(
  { userId, itemId, kind, weight, occurredAt }: GivenInteraction,
  now: Date,
): NewInteraction | AppError {
  const invalid = (argument: string, problem: string) =>
    new AppError("INVALID_ARGUMENT", { argument, problem });
  const problem = problemOfUserId(userId);
  if (problem !== null) {
    return invalid("userId", problem);
  }
  if (!isStorable(itemId)) {
    return invalid("itemId", UNSTORABLE_PROBLEM);
  }
  if (kind === "RATING" && (weight === null || weight === undefined)) {
    return invalid("weight", "is required: a rating is its value");
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
