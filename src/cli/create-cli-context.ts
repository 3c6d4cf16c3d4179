/** @file The only file in which commands access the environment, the database and signals. */
import { join } from "node:path";
import { loadConfig } from "../config/config.js";
import { openDatabase } from "../db/database.js";
import { createLogger } from "../plugin/create-logger.js";
import { type CliContext } from "./cli-context.js";

/** Exit code when another process took the data folder. */
const EXIT_LOCK_LOST = 3;

export interface MainContext extends CliContext {
  /** Whether SIGINT or SIGTERM came; a second one ends the process immediately. */
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
  let isListening = false;
  const interruptible = () => {
    if (!isListening) {
      isListening = true; // a second listener would take one signal for two
      process.on("SIGINT", stop);
      process.on("SIGTERM", stop);
    }
    return stopping.signal;
  };
  return {
    get interrupted() {
      return stopping.signal.aborted;
    },
    interruptible,
    async open(change = config => config) {
      const signal = interruptible();
      const config = change(loadConfig());
      const logger = createLogger(config.logLevel);
      const db = await openDatabase({
        databaseUrl: config.databaseUrl,
        folder: join(config.home, "postgres"),
        onLockLost: error => {
          logger.fatal({ err: error }, "the data folder was lost; the process ends");
          console.error(`${error.code}: ${error.message}`);
          process.exit(EXIT_LOCK_LOST);
        },
      });
      return {
        db,
        home: config.home,
        config,
        logger,
        signal,
        close: () => db.close(),
      };
    },
  };
}
