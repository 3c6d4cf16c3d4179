/** @file Everything a host needs to serve Vitrine: a schema, a context for each request, pictures, and a worker. */
import type { GraphQLFormattedError, GraphQLSchema } from "graphql";
import { resizeForServing } from "../db/image-codec.js";
import { requestIndexing } from "../recsys/catalogue/request-indexing.js";
import { createContextFactory, type CreateContext } from "./context.js";
import { createSchema } from "./create-schema.js";
import { createServices, type Services, type ServicesOptions } from "./create-services.js";
import { createWorker } from "./create-worker.js";
import type { FederationOptions } from "./federate-schema.js";
import { createFormatError, logFault } from "./format-error.js";
import { createImageHandler, type HandleImage } from "./handle-image.js";
import { ServedImages } from "./served-images.js";

/** How often a serving process takes up what other processes indexed. */
const SYNC_INTERVAL_MS = 5_000;

export interface Plugin {
  readonly schema: GraphQLSchema;
  readonly createContext: CreateContext;
  readonly handleImage: HandleImage;
  readonly formatError: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;
  readonly services: Services;
  /** Stops everything in reverse order; the database stays open. Running jobs are finished or requeued. */
  close(): Promise<void>;
}

export interface PluginOptions extends ServicesOptions {
  /** Whether this process runs jobs; default: as `config.runJobs` says. */
  runJobs?: boolean;
  /** Makes `schema` a subgraph of Apollo Federation 2; `true` takes the defaults. Default: a schema of its own. */
  federation?: boolean | FederationOptions;
}

export async function createPlugin(options: PluginOptions): Promise<Plugin> {
  const { config, logger, runJobs = config.runJobs, federation = false } = options;
  const services = await createServices(options);
  const { index } = services;
  const worker = createWorker(services, logger, runJobs);
  await worker.start();
  if (services.packChoice.needsIndexing) {
    await requestIndexing(services.jobs);
  }
  await index.sync({ fillIn: true });
  const sync = () => {
    index.sync().catch((error: unknown) => {
      logger.error({ err: error }, "the caption index could not be brought up to date");
    });
  };
  if (index.fault) {
    sync();
  }
  const syncing = setInterval(sync, SYNC_INTERVAL_MS).unref();
  const log = logFault(logger);
  const { blobs, rejections } = services;
  const images = new ServedImages({
    find: hash => rejections.findServed(hash),
    blobs,
    resize: resizeForServing,
    drop: hash => services.images.dropUnusable(hash),
  });
  return {
    services,
    schema: await createSchema(services, log, federation === true ? {} : federation || null),
    createContext: createContextFactory(services),
    handleImage: createImageHandler(images, log, services.studyImages),
    formatError: createFormatError(log),
    async close() {
      clearInterval(syncing);
      await worker.stop();
      await services.close();
    },
  };
}
