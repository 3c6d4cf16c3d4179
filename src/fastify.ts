/** @file `vitrine/fastify`: the whole API as a fastify plugin. */
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { Plugin } from "./public-types.js";
import { fastifyVitrine as register, type FastifyVitrineOptions } from "./server/fastify-plugin.js";

/**
 * Serves `/graphql` (POST, GET, websockets with `graphql-transport-ws`) and `/images/:hash`, below the prefix with which it
 * is registered. With a prefix, `VITRINE_PUBLIC_URL` must end with it.
 */
export const fastifyVitrine: (
  app: FastifyInstance,
  options: {
    /** What `createPlugin` gave. */
    plugin: Pick<Plugin, "schema" | "createContext" | "handleImage">;
    /** Where faults go that clients are not told. */
    logger: Logger;
  },
) => Promise<void> = (app, options) => register(app, options as FastifyVitrineOptions);
