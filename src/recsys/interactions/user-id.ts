/** @file The ids of users that can be stored. */
import { isStorable, UNSTORABLE_PROBLEM } from "../../db/storable-text.js";
import { AppError } from "../../errors/app-error.js";

/** Longest user id, in UTF-16 units. */
const MAX_USER_ID = 200;

/** @returns the id. @throws AppError `INVALID_ARGUMENT` */
export function checkedUserId(userId: string): string {
  const isLength = userId !== "" && userId.length <= MAX_USER_ID;
  if (!isLength || !isStorable(userId)) {
    const problem = isLength ? UNSTORABLE_PROBLEM : `must have 1 to ${MAX_USER_ID} characters`;
    throw new AppError("INVALID_ARGUMENT", { argument: "userId", problem });
  }
  return userId;
}
