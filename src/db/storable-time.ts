/** @file Which times Postgres can store as they are sent to it: years of four digits, without the year 0. */

const FIRST_MS = Date.parse("0001-01-01T00:00:00Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

/** The message for another time. */
export const UNSTORABLE_TIME_PROBLEM = "must be between the years 1 and 9999";

/** Not for an invalid date. */
export function isStorableTime(time: Date): boolean {
  return time.getTime() >= FIRST_MS && time.getTime() <= LAST_MS;
}
