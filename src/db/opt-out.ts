/** @file Users who opted out of personalisation: their interactions are kept, but no model and no retrieval reads them. */

/** A condition in SQL: the user opted out. @param userId an expression, such as `$1` */
export function hasOptedOut(userId: string): string {
  return `EXISTS (SELECT FROM users AS owner WHERE owner.id = ${userId} AND owner.opted_out_at IS NOT NULL)`;
}

/** A condition on `interactions` of all users: theirs has not opted out. */
export const OF_PERSONALISED_USERS = `NOT ${hasOptedOut("interactions.user_id")}`;

/** A condition on `interactions`: they are of the user `$1`, who has not opted out. That is asked once, not for each row. */
export const OF_PERSONALISED_USER = `user_id = $1 AND NOT ${hasOptedOut("$1")}`;
