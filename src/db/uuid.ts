/** @file Ids of the database's own rows. */

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether Postgres accepts it as a UUID: any other value is no row's id, and a query with it would fail. */
export function isUuid(id: string): boolean {
  return UUID.test(id);
}
