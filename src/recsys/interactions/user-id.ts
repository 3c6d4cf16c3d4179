/** @file The ids of users that can be stored. */
import { isStorable, UNSTORABLE_PROBLEM } from "../../db/storable-text.js";
import { AppError } from "../../errors/app-error.js";

/** Longest user id, in UTF-16 units. */
const MAX_USER_ID = 200;

/** What is wrong with a user's id; null if nothing is. The limits are those of the column. */
export function faultOfUserId(userId: string): AppError | null {
  const isLength = userId !== "" && userId.length <= MAX_USER_ID;
  if (isLength && isStorable(userId)) {
    return null;
  }
  const problem = isLength ? UNSTORABLE_PROBLEM : `must have 1 to ${MAX_USER_ID} characters`;
  return new AppError("INVALID_ARGUMENT", { argument: "userId", problem });
}
