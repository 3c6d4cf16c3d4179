/** @file The one place where commands meet the environment, the database and the keyboard. */
import { join } from "node:path";
import { loadConfig } from "../config/config.js";
import { openDatabase } from "../db/database.js";
import { createLogger } from "../plugin/create-logger.js";
import { type CliContext } from "./cli-context.js";

export interface MainContext extends CliContext {
  /** Whether SIGINT or SIGTERM came; a second one ends the process at once. */
  readonly interrupted: boolean;
}

export function createCliContext(): MainContext {
  const stopping = new AbortController();
  const stop = () => {
    if (stopping.signal.aborted) {
      process.exit(130);
    }
    stopping.abort();
  };
  return {
    get interrupted() {
      return stopping.signal.aborted;
    },
    async open() {
      process.on("SIGINT", stop);
      process.on("SIGTERM", stop);
      const config = loadConfig();
      const db = await openDatabase({
        databaseUrl: config.databaseUrl,
        folder: join(config.home, "postgres"),
      });
      return {
        db,
        home: config.home,
        config,
        logger: createLogger(config.logLevel),
        signal: stopping.signal,
        close: () => db.close(),
      };
    },
  };
}
