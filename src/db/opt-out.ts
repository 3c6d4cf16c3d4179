/** @file Users who opted out of personalisation: their interactions are kept, but no model and no retrieval reads them. */

/** A condition in SQL: the user opted out. @param userId an expression, such as `$1` */
export function hasOptedOut(userId: string): string {
  return `EXISTS (SELECT FROM users AS owner WHERE owner.id = ${userId} AND owner.opted_out_at IS NOT NULL)`;
}

/** A condition on `interactions`: their user has not opted out. Every read for personalisation has it. */
export const MAY_PERSONALISE = `NOT ${hasOptedOut("interactions.user_id")}`;
