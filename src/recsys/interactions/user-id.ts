/** @file The ids of users that can be stored. */
import { isStorable, UNSTORABLE_PROBLEM } from "../../db/storable-text.js";

/** Longest user id, in UTF-16 units. */
const MAX_USER_ID = 200;

/** What is wrong with a user's id; null if nothing is. The limits are those of the column. */
export function problemOfUserId(userId: string): string | null {
  if (userId === "" || userId.length > MAX_USER_ID) {
    return `must have 1 to ${MAX_USER_ID} characters`;
  }
  return isStorable(userId) ? null : UNSTORABLE_PROBLEM;
}
