/** @file Lets a user opt out of personalisation, and in again. What is stored of them stays (erasure: `user-erasure.service.ts`). */
import type { UserRow } from "../../db/rows.js";
import { AppError } from "../../errors/app-error.js";
import { problemOfUserId } from "../interactions/user-id.js";

interface Dependencies {
  users: { setOptedOut(userId: string, at: Date | null): Promise<UserRow> };
  /** Cancels the images that are being made for a user. */
  jobs: { cancelOfUser(userId: string): Promise<number> };
  /** Drops this process's caches of the user. */
  forget: (userId: string) => void;
  /** Default: the clock. */
  now?: () => Date;
}

export class UserOptOutService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * From now on nothing reads the user's interactions to personalise, and no new ones are recorded. An unknown user is
   * stored with the opt-out alone. A second call keeps the first time.
   *
   * @throws AppError `INVALID_ARGUMENT` for an id that cannot be stored
   */
  async optOut(userId: string): Promise<UserRow> {
    const { forget, jobs, now = () => new Date(), users } = this.deps;
    const user = await users.setOptedOut(checked(userId), now());
    await jobs.cancelOfUser(userId); // after the row, so that a job begun in between finds it
    forget(userId);
    return user;
  }

  /**
   * Ends an opt-out; the earlier interactions count again.
   *
   * @throws AppError `INVALID_ARGUMENT` for an id that cannot be stored
   */
  async optIn(userId: string): Promise<UserRow> {
    return this.deps.users.setOptedOut(checked(userId), null);
  }
}

function checked(userId: string): string {
  const problem = problemOfUserId(userId);
  if (problem !== null) {
    throw new AppError("INVALID_ARGUMENT", { argument: "userId", problem });
  }
  return userId;
}
