/** @file Ids of the database's own rows. */

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether Postgres reads it as a UUID: anything else is no row's id, and asking for it would be a fault. */
export function isUuid(id: string): boolean {
  return UUID.test(id);
}
