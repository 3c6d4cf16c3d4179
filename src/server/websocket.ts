/** @file GraphQL over websockets (graphql-transport-ws), with the limits and errors of HTTP. */
import type { WebsocketHandler } from "@fastify/websocket";
import {
  type DocumentNode,
  getOperationAST,
  GraphQLError,
  type GraphQLSchema,
  parse,
  specifiedRules,
  validate,
} from "graphql";
import { makeHandler } from "graphql-ws/use/@fastify/websocket";
import type { Logger } from "pino";
import type { CreateContext } from "../plugin/context.js";
import { createFormatError, logFault } from "../plugin/format-error.js";
import { limitRules, maxFaults, maxTokens } from "../plugin/limit-rules.js";
import { assertAffordable } from "../plugin/limits.js";
import type { Viewer } from "../recsys/access/viewer.js";
import { callerOf, type Documents } from "./documents.js";

interface ConnectionParams extends Record<string, unknown> {
  authorization?: unknown;
}

/** Operations that one connection may have open. */
const maxOperations = 50;
/** How often the key of an open connection is looked up again: it may be revoked. */
const recheckMs = 30_000;
/** The code with which graphql-ws refuses a connection. */
const FORBIDDEN_CODE = 4403;

export interface WebsocketOptions {
  schema: GraphQLSchema;
  createContext: CreateContext;
  documents: Documents;
  logger: Logger;
}

export function createWebsocketHandler({
  schema,
  createContext,
  documents,
  logger,
}: WebsocketOptions): WebsocketHandler {
  const formatError = createFormatError(logFault(logger));
  const format = (error: GraphQLError) => formatError(error.toJSON(), error);
  const rules = [...specifiedRules, ...limitRules()];
  const guards = new WeakMap<object, () => void>();

  const handle = makeHandler<ConnectionParams>({
    // The caller is authenticated for each operation: a key may be revoked, a token may expire.
    onConnect: async ({ connectionParams, extra }) => {
      const authorization = authorizationOf(connectionParams, extra);
      const { viewer } = await createContext(authorization);
      if (viewer) {
        const isValid = async () => (await createContext(authorization)).viewer !== null;
        guards.set(extra, closedWithCredentials(extra.socket as Closable, viewer, isValid));
      }
      return viewer !== null;
    },
    onClose: ({ extra }) => {
      guards.get(extra)?.();
    },
    onSubscribe: async ({ connectionParams, extra, subscriptions }, _id, payload) => {
      const { query, operationName, variables } = payload;
      try {
        if (Object.keys(subscriptions).length > maxOperations) {
          throw new GraphQLError(`A connection may have ${maxOperations} operations at once`, {
            extensions: { code: "BAD_REQUEST" },
          });
        }
        const contextValue = await createContext(authorizationOf(connectionParams, extra));
        await documents.admit(query, callerOf(contextValue));
        const known = documents.find(query);
        const document = known ?? parsed(query);
        const faults = known ? [] : validate(schema, document, rules, { maxErrors: maxFaults });
        if (faults.length > 0) {
          return faults.map(fault => coded(fault, "GRAPHQL_VALIDATION_FAILED"));
        }
        documents.keep(query, document);
        const operation = getOperationAST(document, operationName);
        if (!operation) {
          throw new GraphQLError("The document has no such operation", {
            extensions: { code: "OPERATION_RESOLUTION_FAILURE" },
          });
        }
        assertAffordable(schema, { document, operation, variables }, contextValue);
        return { schema, document, operationName, variableValues: variables, contextValue };
      } catch (error) {
        return [wrapped(error)];
      }
    },
    onNext: (...[, , , , result]) =>
      result.errors && { ...result, errors: result.errors.map(format) },
    onError: (_context, _id, _payload, errors) =>
      errors.map(error => format(error instanceof GraphQLError ? error : wrapped(error))),
    isProd: true, // what breaks a connection is not told to its other end
  });
  return function (socket, request) {
    const faulty = socket as FaultySocket;
    void handle.call(this, socket, request);
    // Both libraries report what a client sends wrong, such as a message that is too long, as a fault of the server.
    faulty.removeAllListeners("error");
    faulty.on("error", error => {
      logger.debug({ err: error }, "a websocket sent what is not allowed");
    });
  };
}

interface FaultySocket {
  removeAllListeners(event: "error"): void;
  on(event: "error", listener: (error: Error) => void): void;
}

interface Closable {
  close(code: number, reason: string): void;
}

/**
 * Closes a socket when its token expires, or when its key is found revoked.
 *
 * @returns the function that ends the guard.
 */
function closedWithCredentials(
  socket: Closable,
  viewer: Viewer,
  isValid: () => Promise<boolean>,
): () => void {
  const close = () => {
    socket.close(FORBIDDEN_CODE, "Forbidden");
  };
  const recheck = setInterval(() => {
    isValid().then(
      valid => {
        if (!valid) {
          close();
        }
      },
      () => undefined, // the database is away: each operation finds that out itself
    );
  }, recheckMs).unref();
  const expiresAt = viewer.kind === "SHOPPER" ? viewer.expiresAt : undefined;
  const expiry = expiresAt && setTimeout(close, expiresAt.getTime() - Date.now()).unref();
  return () => {
    clearInterval(recheck);
    clearTimeout(expiry);
  };
}

function authorizationOf(
  params: ConnectionParams | undefined,
  { request }: { request: { headers: { authorization?: string } } },
): string | undefined {
  const given = params?.authorization ?? params?.Authorization;
  return typeof given === "string" ? given : request.headers.authorization;
}

function parsed(query: string): DocumentNode {
  try {
    return parse(query, { maxTokens });
  } catch (error) {
    throw error instanceof GraphQLError ? coded(error, "GRAPHQL_PARSE_FAILED") : error;
  }
}

/** The code that Apollo gives the same fault over HTTP. */
function coded({ message, nodes, source, positions }: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(message, { nodes, source, positions, extensions: { code } });
}

function wrapped(error: unknown): GraphQLError {
  if (error instanceof GraphQLError) {
    return error;
  }
  return new GraphQLError("Internal server error", {
    originalError: error instanceof Error ? error : new Error(String(error)),
  });
}
