/** @file The context of a command: configuration, database on demand, and a signal for Ctrl-C. */
import type { Logger } from "pino";
import type { Config } from "../config/config.js";
import type { Database } from "../db/database.js";

export interface OpenedContext {
  db: Database;
  /** Absolute path of the data folder. */
  home: string;
  config: Config;
  logger: Logger;
  /** Aborted by SIGINT and SIGTERM: a command stops at the next safe point. */
  signal: AbortSignal;
  close: () => Promise<void>;
}

export interface CliContext {
  /**
   * Reads the configuration and opens the database; the caller closes it.
   *
   * @param change What a command sets itself. Default: nothing.
   */
  open(change?: (config: Config) => Config): Promise<OpenedContext>;
  /** A signal for SIGINT and SIGTERM, for a command without a database. */
  interruptible(): AbortSignal;
}
