/** @file How `pg` talks to an embedded Postgres (PGlite) in this process, over its one connection. */
import type { PGlite } from "@electric-sql/pglite";
import { createPgConfig } from "@electric-sql/pglite/node-postgres";
import type { PoolConfig } from "pg";

interface ParseMessage {
  text: string;
  name?: string;
  types?: unknown;
}

/**
 * A `pg.Pool` configuration that leads to `pglite` instead of a socket. The pool must be the only user of `pglite`:
 * a direct `pglite.query()` would join a transaction the pool has open.
 */
export function pgliteConfig(pglite: PGlite): PoolConfig {
  const config = createPgConfig(pglite);
  const { connection } = config;
  const parse = connection.parse.bind(connection) as (message: ParseMessage) => void;
  // Prisma's adapter passes `types: { getTypeParser }` with each query; the bridge takes only a list of type ids there.
  connection.parse = (message: ParseMessage) => {
    parse({ ...message, types: Array.isArray(message.types) ? message.types : undefined });
  };
  return { ...config, connection, max: 1, ssl: false } as unknown as PoolConfig;
}
