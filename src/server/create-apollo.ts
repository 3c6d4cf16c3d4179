/** @file GraphQL over HTTP: Apollo Server with our limits, errors and status codes. */
import {
  ApolloServer,
  type ApolloServerOptionsWithSchema,
  type ApolloServerPlugin,
} from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import type { GraphQLFormattedError, GraphQLSchema } from "graphql";
import type { Logger } from "pino";
import { createFormatError, logFault, statusOf } from "../plugin/format-error.js";
import { limitRules, maxFaults, maxTokens } from "../plugin/limit-rules.js";
import { assertAffordable } from "../plugin/limits.js";
import type { RequestContext } from "../resolvers/context.js";
import type { Documents } from "./documents.js";

/** The parts of a `Plugin` that Apollo Server is given. */
export interface ApolloParts {
  schema: GraphQLSchema;
  formatError: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;
}

/**
 * What a host gives its own `new ApolloServer(…)`: answers then have the limits, codes and status codes of `vitrine serve`.
 *
 * Introspection is on, for callers with credentials. Persisted queries are refused with Apollo's own code
 * `PERSISTED_QUERY_NOT_SUPPORTED`, after which clients send the whole query: their documents would fill a cache.
 */
export function apolloOptions({
  schema,
  formatError,
}: ApolloParts): ApolloServerOptionsWithSchema<RequestContext> {
  return {
    schema,
    introspection: true, // `assertAffordable` keeps it from unknown callers
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    parseOptions: { maxTokens },
    validationRules: limitRules(),
    validationOptions: { maxErrors: maxFaults },
    formatError,
    plugins: [
      affordability,
      statusCodes,
      ApolloServerPluginInlineTraceDisabled(), // a subgraph would tell any caller the times of its resolvers
    ],
  };
}

/** An Apollo server that is not started yet. */
export function createApollo(
  schema: GraphQLSchema,
  logger: Logger,
  {
    documentStore,
    plugins = [],
  }: {
    /** Default: one of Apollo's own. */
    documentStore?: Documents;
    plugins?: readonly ApolloServerPlugin<RequestContext>[];
  } = {},
): ApolloServer<RequestContext> {
  const options = apolloOptions({ schema, formatError: createFormatError(logFault(logger)) });
  return new ApolloServer<RequestContext>({
    ...options,
    logger,
    documentStore,
    stopOnTerminationSignals: false, // the process stops its parts in order
    plugins: [
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginLandingPageDisabled(), // it loads its page from the internet
      ...(options.plugins ?? []),
      ...plugins,
    ],
  });
}

const affordability: ApolloServerPlugin<RequestContext> = {
  async requestDidStart() {
    return {
      async didResolveOperation({ schema, document, operation, request, contextValue }) {
        if (operation) {
          const { variables } = request;
          assertAffordable(schema, { document, operation, variables }, contextValue);
        }
      },
    };
  },
};

/** An answer whose fields are all null has the status of its first error; one with data is 200, whatever its parts. */
const statusCodes: ApolloServerPlugin<RequestContext> = {
  async requestDidStart() {
    return {
      async willSendResponse({ response: { body, http }, errors }) {
        if (body.kind === "single" && !hasData(body.singleResult.data)) {
          const status = statusOf(errors);
          if (status !== null) {
            http.status = status;
          }
          if (status === 401) {
            http.headers.set("www-authenticate", "Bearer");
          }
        }
      },
    };
  },
};

function hasData(data: Record<string, unknown> | null | undefined): boolean {
  return Object.values(data ?? {}).some(value => value !== null);
}
