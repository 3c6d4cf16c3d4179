/** @file Takes in what shoppers do, in bulk, as often as the shop sends it. */
import type { NewInteraction } from "../../db/interactions.repository.js";
import { AppError, type ErrorCode } from "../../errors/app-error.js";

/** A clock that runs ahead by less than this is forgiven. */
const MAX_AHEAD_MS = 5 * 60_000;

interface Dependencies {
  users: { upsertMany(users: readonly { id: string; isSimulated: boolean }[]): Promise<unknown> };
  items: { existing(ids: readonly string[]): Promise<ReadonlySet<string>> };
  interactions: { insertMany(rows: readonly NewInteraction[]): Promise<number> };
  /** Default: the clock. */
  now?: () => Date;
  /** Told which users did something new; returns at once. */
  onRecorded?: (userIds: readonly string[]) => void;
}

export interface RecordingOutcome {
  /** Rows that were new. */
  accepted: number;
  /** Rows that were there already. */
  duplicates: number;
  rejected: { index: number; code: ErrorCode; message: string }[];
}

export class InteractionRecordingService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Stores interactions; the same one twice counts once. An unknown user is a new shopper; a row with an unknown item or
   * an impossible value is rejected alone.
   */
  async record(rows: readonly NewInteraction[]): Promise<RecordingOutcome> {
    const { users, items, interactions, now = () => new Date() } = this.deps;
    const known = await items.existing([...new Set(rows.map(({ itemId }) => itemId))]);
    const latestMs = now().getTime() + MAX_AHEAD_MS;
    const rejected: RecordingOutcome["rejected"] = [];
    const good: NewInteraction[] = [];
    for (const [index, row] of rows.entries()) {
      const fault = faultOf(row, known, latestMs);
      if (fault) {
        rejected.push({ index, code: fault.code, message: fault.message });
      } else {
        good.push(row);
      }
    }
    if (good.length === 0) {
      return { accepted: 0, duplicates: 0, rejected };
    }
    const userIds = [...new Set(good.map(({ userId }) => userId))];
    await users.upsertMany(userIds.map(id => ({ id, isSimulated: false })));
    const accepted = await interactions.insertMany(good);
    if (accepted > 0) {
      this.deps.onRecorded?.(userIds);
    }
    return { accepted, duplicates: good.length - accepted, rejected };
  }
}

function faultOf(
  { userId, itemId, weight, occurredAt }: NewInteraction,
  known: ReadonlySet<string>,
  latestMs: number,
): AppError | null {
  const invalid = (argument: string, problem: string) =>
    new AppError("INVALID_ARGUMENT", { argument, problem });
  if (userId === "" || userId.length > 200) {
    return invalid("userId", "must have 1 to 200 characters");
  }
  if (!known.has(itemId)) {
    return new AppError("ITEM_NOT_FOUND", { itemId });
  }
  if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY)) {
    return invalid("weight", `must be a number that is not negative, but got ${weight}`);
  }
  if (!(occurredAt.getTime() <= latestMs)) {
    return invalid("occurredAt", "must be a time that has come");
  }
  return null;
}
