/** @file The HTTP process: GraphQL, websockets, pictures and probes behind one port. */
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  LogController,
} from "fastify";
import type { Logger } from "pino";
import type { Config } from "../config/config.js";
import { environmentFault } from "../db/environment-fault.js";
import { AppError } from "../errors/app-error.js";
import { type DemoDesk, demoRoutes } from "./demo-routes.js";
import { bodyLimitBytes, fastifyVitrine, type FastifyVitrineOptions } from "./fastify-plugin.js";
import { healthRoutes, type Probes } from "./health-routes.js";
import { pageRoutes } from "./page-routes.js";

/** Grace period of running requests when the server closes. */
const closeTimeoutMs = 10_000;

export interface ServerOptions {
  plugin: FastifyVitrineOptions["plugin"];
  probes: Probes;
  config: Pick<Config, "host" | "port" | "publicUrl" | "corsOrigins"> &
    /** Default: no pages. */
    Partial<Pick<Config, "pagesFolder">>;
  logger: Logger;
  /** Opens the storefront page to everyone; only `vitrine demo` does. */
  demo?: DemoDesk;
}

export interface Server {
  /** Address of the server, without a slash at the end; the API is at `/graphql` below it. */
  readonly url: string;
  /** Refuses new requests, finishes running ones, and closes websockets. */
  close(): Promise<void>;
}

/** Listens, once everything that it serves is in place. */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { plugin, probes, config, logger, demo } = options;
  const loggerInstance: FastifyBaseLogger = logger;
  const app = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
  });
  let url = config.publicUrl;
  await app.register(helmet, { contentSecurityPolicy: { useDefaults: false, directives: policy } });
  await app.register(cors, {
    origin: [...config.corsOrigins],
    methods: ["GET", "HEAD", "POST"],
    allowedHeaders: ["authorization", "content-type", "apollo-require-preflight"],
    maxAge: 86_400,
  });
  answerFaults(app, logger);

  await app.register(fastifyVitrine, { plugin, logger });
  const hasPages = await pageRoutes(app, { ...config, logger, storefront: demo !== undefined });
  if (demo) {
    demoRoutes(app, demo);
  }
  healthRoutes(app, probes, hasPages && demo ? null : () => `${url}/graphql`);

  const address = await app.listen({ host: config.host, port: config.port });
  url ||= address;
  return {
    url,
    async close() {
      const impatience = setTimeout(() => {
        app.server.closeAllConnections();
      }, closeTimeoutMs);
      await app.close();
      clearTimeout(impatience);
    },
  };
}

/** Pages of this server load nothing but their own pictures. */
const policy = {
  defaultSrc: ["'none'"],
  styleSrc: ["'unsafe-inline'"],
  imgSrc: ["'self'"],
  frameAncestors: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
};

/** Faults outside GraphQL have the form of GraphQL's. */
function answerFaults(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler<FastifyError | AppError>((thrown, _request, reply) => {
    const error = environmentFault(thrown) ?? thrown;
    if (error instanceof AppError) {
      if (error.status >= 500) {
        logger.error({ err: error }, "a request failed");
      }
      const { message, extensions, status } = error;
      return reply.code(status).send({ errors: [{ message, extensions }] });
    }
    const status = error.statusCode ?? 500;
    if (status < 500) {
      const code = status === 413 ? "PAYLOAD_TOO_LARGE" : "BAD_REQUEST";
      return reply
        .code(status)
        .send({ errors: [{ message: error.message, extensions: { code } }] });
    }
    logger.error({ err: error }, "a request failed unexpectedly");
    const extensions = { code: "INTERNAL_SERVER_ERROR" };
    return reply.code(500).send({ errors: [{ message: "Internal server error", extensions }] });
  });
  app.setNotFoundHandler((_request, reply) =>
    reply
      .code(404)
      .send({ errors: [{ message: "Nothing is served here", extensions: { code: "NOT_FOUND" } }] }),
  );
}
