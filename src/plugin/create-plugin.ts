/** @file Everything a host needs to serve Vitrine: a schema, a context for each request, pictures, and a worker. */
import type { GraphQLSchema } from "graphql";
import { createContextFactory, type CreateContext } from "./context.js";
import { createSchema } from "./create-schema.js";
import { createServices, type Services, type ServicesOptions } from "./create-services.js";
import { createWorker } from "./create-worker.js";

/** How often a serving process takes up what other processes indexed. */
const SYNC_INTERVAL_MS = 5_000;

export interface Plugin {
  readonly schema: GraphQLSchema;
  readonly createContext: CreateContext;
  readonly services: Services;
  /** Undoes everything in reverse order; the database stays open. Jobs in hand are finished or given back. */
  close(): Promise<void>;
}

export interface PluginOptions extends ServicesOptions {
  /** Whether this process runs jobs; default: as `config.runJobs` says. */
  runJobs?: boolean;
}

export async function createPlugin(options: PluginOptions): Promise<Plugin> {
  const { config, logger, runJobs = config.runJobs } = options;
  const services = await createServices(options);
  const { index, queue } = services;
  await queue.start();
  const worker = runJobs ? createWorker(services, logger) : null;
  worker?.start();
  await index.sync();
  const syncing = setInterval(() => {
    index.sync().catch((error: unknown) => {
      logger.error({ err: error }, "the caption index could not be brought up to date");
    });
  }, SYNC_INTERVAL_MS).unref();
  return {
    services,
    schema: await createSchema(services),
    createContext: createContextFactory(services),
    async close() {
      clearInterval(syncing);
      await worker?.stop();
      await queue.stop();
      await services.close();
    },
  };
}
