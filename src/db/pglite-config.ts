/** @file How `pg` talks to an embedded Postgres (PGlite) in this process, over its one connection. */
import type { PGlite } from "@electric-sql/pglite";
import { createPgConfig } from "@electric-sql/pglite/node-postgres";
import pg, { type PoolConfig } from "pg";

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

/**
 * A pool that keeps its connection when a statement fails. `pg.Pool.query()` throws a client away with its first fault,
 * whatever it was; the next client would share the one connection with it, and take its answers for its own.
 */
export class PglitePool extends pg.Pool {
  constructor(pglite: PGlite) {
    super(pgliteConfig(pglite));
    const query = async (...args: unknown[]) => {
      const client = await this.connect();
      try {
        return await (client.query as (...args: unknown[]) => Promise<unknown>)(...args);
      } finally {
        client.release();
      }
    };
    this.query = query as typeof this.query; // its overloads with callbacks are not used here
  }
}
