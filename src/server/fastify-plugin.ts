/** @file The API as a fastify plugin: GraphQL over HTTP and websockets, and pictures. */
import type { ServerResponse } from "node:http";
import { fastifyApolloHandler } from "@as-integrations/fastify";
import websocket from "@fastify/websocket";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { GraphQLError, type GraphQLSchema } from "graphql";
import type { Logger } from "pino";
import { AppError } from "../errors/app-error.js";
import type { CreateContext } from "../plugin/context.js";
import { causeOf } from "../plugin/format-error.js";
import type { HandleImage } from "../plugin/handle-image.js";
import { createApollo } from "./create-apollo.js";
import { callerOf, Documents } from "./documents.js";
import { createWebsocketHandler } from "./websocket.js";

/** Largest request body and websocket message, in bytes. */
export const bodyLimitBytes = 2 ** 20;

/** Requests that wait for a job when the server closes wait so long, then they are answered with the job. */
const WAIT_AT_CLOSE_MS = 5_000;

export interface FastifyVitrineOptions {
  /** What `createPlugin` gave. */
  plugin: { schema: GraphQLSchema; createContext: CreateContext; handleImage: HandleImage };
  /** Where faults go that clients are not told. */
  logger: Logger;
}

/**
 * Serves `/graphql` (POST, GET, websockets with `graphql-transport-ws`) and `/images/:hash`, below the prefix with which it
 * is registered. With a prefix, `VITRINE_PUBLIC_URL` must end with it.
 */
export async function fastifyVitrine(
  app: FastifyInstance,
  { plugin, logger }: FastifyVitrineOptions,
): Promise<void> {
  const { schema, createContext, handleImage } = plugin;
  if (!app.hasDecorator("websocketServer")) {
    await app.register(websocket, { options: { maxPayload: bodyLimitBytes } });
  }
  const documents = new Documents();
  const apollo = createApollo(schema, logger, { documentStore: documents });
  await apollo.start();
  app.addHook("onClose", () => apollo.stop());
  const open = new Set<AbortController>();
  app.addHook("preClose", async () => {
    setTimeout(() => {
      open.forEach(request => {
        request.abort();
      });
    }, WAIT_AT_CLOSE_MS).unref();
  });
  const handler = fastifyApolloHandler(apollo, {
    context: async (request, { raw }) => {
      try {
        const { authorization } = request.headers;
        const context = await createContext(authorization, { signal: closedSignal(raw, open) });
        const query = queryOf(request);
        if (query !== null) {
          await documents.admit(query, callerOf(context)); // last, because Apollo validates it next
        }
        return context;
      } catch (error) {
        throw withStatus(error);
      }
    },
  });
  await app.register(async scope => {
    const wsHandler = createWebsocketHandler({ schema, createContext, documents, logger });
    scope.route({ method: "GET", url: "/graphql", handler, wsHandler });
    scope.route({ method: "POST", url: "/graphql", bodyLimit: bodyLimitBytes, handler });
  });
  app.route({
    method: ["GET", "HEAD"],
    url: "/images/:hash",
    exposeHeadRoute: false,
    handler: async (request, reply) => reply.send(await handleImage(webRequest(request))),
  });
}

/** Apollo answers faults of a context with 500 unless they name a status. */
function withStatus(error: unknown): unknown {
  const cause = causeOf(error);
  if (!(cause instanceof AppError)) {
    return error;
  }
  const { extensions, message, status } = cause;
  return new GraphQLError(message, {
    originalError: cause,
    extensions: { ...extensions, http: { status } },
  });
}

/** The document of a request over GET or POST. */
function queryOf({ body, query }: FastifyRequest): string | null {
  const given = [body, query].map(from => (from as { query?: unknown } | null | undefined)?.query);
  return given.find(text => typeof text === "string") ?? null;
}

/** What the picture's handler reads of a request. */
function webRequest({ headers, host, method, url }: FastifyRequest): Request {
  const ifNoneMatch = headers["if-none-match"];
  return new Request(new URL(url, `http://${host || "localhost"}`), {
    method,
    headers: ifNoneMatch === undefined ? {} : { "if-none-match": ifNoneMatch },
  });
}

/** Raised when the client closes the connection before it has the answer. @param open Has the controllers of open requests. */
function closedSignal(response: ServerResponse, open: Set<AbortController>): AbortSignal {
  const closed = new AbortController();
  open.add(closed);
  response.once("close", () => {
    open.delete(closed);
    if (!response.writableFinished) {
      closed.abort();
    }
  });
  return closed.signal;
}
