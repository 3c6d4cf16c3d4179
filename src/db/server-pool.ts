/**
 * @file Connections to a real Postgres. Every fault of a connection is `DATABASE_UNREACHABLE`, and no statement waits for
 * ever for a database that has stopped answering.
 */
import pg, { type PoolClient, type PoolConfig } from "pg";
import { environmentFault } from "./environment-fault.js";

/** Time to connect, or to get a free connection of the pool. */
const CONNECT_TIMEOUT_MS = 10_000;
/** A statement that takes longer makes the pool ask whether the database still answers. */
const SILENT_AFTER_MS = 5_000;
/** The answer to that question. */
const PROBE_TIMEOUT_MS = 5_000;
const WATCH_INTERVAL_MS = 1_000;
/** Silence after which the system asks whether the other end of a connection is still there. */
const KEEP_ALIVE_AFTER_MS = 10_000;

/**
 * Prisma's adapter sends and reads times without a zone, so every connection must be in UTC, whatever the database or
 * the role says. A statement, because poolers refuse `options` at the start of a connection; PgBouncer keeps both
 * settings of a client across servers.
 */
async function setSession(client: pg.ClientBase): Promise<void> {
  const text = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'";
  await client.query({ text, query_timeout: CONNECT_TIMEOUT_MS } as pg.QueryConfig);
}

/** Statements of a transaction do not pass through the pool, so the client names their faults too. */
class ServerClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    this.on("error", () => undefined); // a connection lost between two statements; the next statement reports it
    this.query = namingFaults(this.query.bind(this)) as typeof this.query;
  }
}

type Query = (...args: unknown[]) => unknown;

export class ServerPool extends pg.Pool {
  /** When each client was taken, by `performance.now`. */
  private readonly takenAtMs = new Map<PoolClient, number>();
  private readonly watching: NodeJS.Timeout;
  private isProbing = false;

  constructor(private readonly given: Pick<PoolConfig, "connectionString" | "max">) {
    super({
      ...given,
      Client: ServerClient,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
      onConnect: setSession, // eslint-disable-line @typescript-eslint/no-misused-promises -- pg waits for it
    });
    this.query = namingFaults(this.query.bind(this)) as typeof this.query;
    this.connect = namingFaults(this.connect.bind(this) as Query) as typeof this.connect;
    this.on("error", () => undefined); // a broken idle connection; the next query reports it
    this.on("acquire", client => this.takenAtMs.set(client, performance.now()));
    this.on("release", (_error, client) => this.takenAtMs.delete(client));
    this.on("remove", client => this.takenAtMs.delete(client));
    this.watching = setInterval(() => void this.dropIfSilent(), WATCH_INTERVAL_MS).unref();
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | void {
    clearInterval(this.watching);
    return callback ? super.end(callback) : super.end();
  }

  /** Ends the connections in use, so that their statements fail, if the database does not answer over a new one either. */
  private async dropIfSilent(): Promise<void> {
    const oldest = Math.min(...this.takenAtMs.values());
    if (this.isProbing || performance.now() - oldest < SILENT_AFTER_MS) {
      return;
    }
    this.isProbing = true;
    const suspects = [...this.takenAtMs.keys()];
    if (!(await this.answers())) {
      for (const client of suspects.filter(client => this.takenAtMs.has(client))) {
        (
          client as unknown as { connection: { stream: { destroy(): void } } }
        ).connection.stream.destroy();
      }
    }
    this.isProbing = false;
  }

  /** Whether the database answers over a new connection, if only that it takes no more. */
  private async answers(): Promise<boolean> {
    const client = new pg.Client({
      ...this.given,
      connectionTimeoutMillis: PROBE_TIMEOUT_MS,
      query_timeout: PROBE_TIMEOUT_MS,
    });
    client.on("error", () => undefined); // told by the statement
    try {
      await client.connect();
      await client.query("SELECT 1");
      return true;
    } catch (error) {
      return error instanceof pg.DatabaseError;
    } finally {
      void client.end().catch(() => undefined);
    }
  }
}

/** The same function, whose promise is rejected with an {@link environmentFault} where the fault is one. */
function namingFaults(run: Query): Query {
  return (...args) => {
    const running = run(...args);
    return running instanceof Promise
      ? running.catch((error: unknown) => {
          throw environmentFault(error) ?? error;
        })
      : running;
  };
}
