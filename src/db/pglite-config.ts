/** @file Connects `pg` to an embedded Postgres (PGlite) in this process, over its one connection. */
import type { PGlite } from "@electric-sql/pglite";
import { createPgConfig } from "@electric-sql/pglite/node-postgres";
import pg, { type PoolConfig } from "pg";
import { type AppError } from "../errors/app-error.js";

type BackendMessage = Awaited<ReturnType<PGlite["execProtocolStream"]>>[number];

interface ParseMessage {
  text: string;
  name?: string;
  types?: unknown;
}

/**
 * A `pg.Pool` configuration for `pglite` instead of a socket. The pool must be its only user: a direct `pglite.query()`
 * would join an open transaction of the pool.
 */
export function pgliteConfig(pglite: PGlite): PoolConfig {
  const config = createPgConfig(pglite);
  const { connection } = config;
  const parse = connection.parse.bind(connection) as (message: ParseMessage) => void;
  // Prisma's adapter passes `types: { getTypeParser }` with each query; the bridge expects a list of type ids.
  connection.parse = (message: ParseMessage) => {
    parse({ ...message, types: Array.isArray(message.types) ? message.types : undefined });
  };
  return { ...config, connection, max: 1, ssl: false } as unknown as PoolConfig;
}

/**
 * A pool that keeps its connection after a failed statement. `pg.Pool.query()` discards a client after any fault; the
 * next client would share the one connection with it and receive its answers.
 */
export class PglitePool extends pg.Pool {
  private refusal: AppError | null = null;

  constructor(private readonly pglite: PGlite) {
    super(pgliteConfig(pglite));
    const query = async (...args: unknown[]) => {
      this.throwIfRefused();
      const client = await this.connect();
      try {
        return await (client.query as (...args: unknown[]) => Promise<unknown>)(...args);
      } finally {
        client.release();
      }
    };
    this.query = query as typeof this.query; // its overloads with callbacks are not used here
  }
  /** Disconnects the database: every later statement fails with `error`, even in open transactions. */
  refuseAll(error: AppError): void {
    this.refusal = error;
    this.pglite.execProtocolStream = ([kind]) => Promise.resolve(refusalOf(kind, error));
  }

  private throwIfRefused(): void {
    if (this.refusal) {
      throw this.refusal;
    }
  }
}

/** The answer of a server that refuses everything to one protocol message. */
function refusalOf(messageKind: number, { code, message }: AppError): BackendMessage[] {
  const fault = Object.assign(new Error(message), { name: "error", length: 0, code });
  const ready = { name: "readyForQuery", length: 0, status: "I" } as BackendMessage;
  switch (String.fromCharCode(messageKind)) {
    case "Q": // a simple query
      return [fault as BackendMessage, ready];
    case "B": // bind: one of the messages of every prepared query
      return [fault as BackendMessage];
    case "S": // sync: the last of them
      return [ready];
    default:
      return [];
  }
}
