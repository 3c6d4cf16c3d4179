/** @file The HTTP process: GraphQL, websockets, pictures and probes behind one port. */
import { fastifyApolloHandler } from "@as-integrations/fastify";
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import websocket from "@fastify/websocket";
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  LogController,
} from "fastify";
import type { GraphQLSchema } from "graphql";
import type { Logger } from "pino";
import type { Config } from "../config/config.js";
import { AppError } from "../errors/app-error.js";
import type { CreateContext } from "../plugin/context.js";
import { createApollo } from "./create-apollo.js";
import { healthRoutes, type Probes } from "./health-routes.js";
import { imageRoutes } from "./image-routes.js";
import type { ServedImages } from "./served-images.js";
import { createWebsocketHandler } from "./websocket.js";

const bodyLimitBytes = 2 ** 20;
/** How long requests in hand may take to end when the server closes. */
const closeTimeoutMs = 10_000;

export interface ServerOptions {
  schema: GraphQLSchema;
  createContext: CreateContext;
  images: ServedImages;
  probes: Probes;
  config: Pick<Config, "host" | "port" | "publicUrl" | "corsOrigins">;
  logger: Logger;
}

export interface Server {
  /** Address of the server, without a slash at the end; the API is at `/graphql` below it. */
  readonly url: string;
  /** Takes no more requests, ends those in hand, and closes websockets. */
  close(): Promise<void>;
}

/** Listens, once everything that it serves is in place. */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { schema, createContext, images, probes, config, logger } = options;
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
  await app.register(websocket, { options: { maxPayload: bodyLimitBytes } });
  answerFaults(app, logger);

  const apollo = createApollo(schema, logger);
  await apollo.start();
  const handler = fastifyApolloHandler(apollo, {
    context: ({ headers }) => createContext(headers.authorization),
  });
  await app.register(async scope => {
    const wsHandler = createWebsocketHandler(schema, createContext, logger);
    scope.route({ method: "GET", url: "/graphql", handler, wsHandler });
    scope.route({ method: "POST", url: "/graphql", handler });
  });
  imageRoutes(app, images);
  healthRoutes(app, probes, () => `${url}/graphql`);

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
      await apollo.stop();
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
  app.setErrorHandler<FastifyError | AppError>((error, _request, reply) => {
    if (error instanceof AppError) {
      if (error.status >= 500) {
        logger.error({ err: error }, "a request failed");
      }
      const { message, code, details, status } = error;
      return reply.code(status).send({ errors: [{ message, extensions: { code, details } }] });
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
