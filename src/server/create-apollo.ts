/** @file GraphQL over HTTP: Apollo with our limits, errors and status codes. */
import { ApolloServer, type ApolloServerPlugin } from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import type { GraphQLSchema } from "graphql";
import type { Logger } from "pino";
import { createFormatError, statusOf } from "../plugin/format-error.js";
import { assertAffordable, limitRules, maxTokens } from "../plugin/limits.js";
import type { RequestContext } from "../resolvers/context.js";

/** An Apollo server that is not started yet. */
export function createApollo(
  schema: GraphQLSchema,
  logger: Logger,
  plugins: readonly ApolloServerPlugin<RequestContext>[] = [],
): ApolloServer<RequestContext> {
  return new ApolloServer<RequestContext>({
    schema,
    logger,
    introspection: true, // `assertAffordable` keeps it from unknown callers
    includeStacktraceInErrorResponses: false,
    persistedQueries: false, // clients' documents would fill the cache
    stopOnTerminationSignals: false, // the process stops its parts in order
    parseOptions: { maxTokens },
    validationRules: limitRules(),
    formatError: createFormatError(error => {
      logger.error({ err: error }, "a request failed unexpectedly");
    }),
    plugins: [
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginLandingPageDisabled(), // it loads its page from the internet
      affordability,
      statusCodes,
      ...plugins,
    ],
  });
}

const affordability: ApolloServerPlugin<RequestContext> = {
  async requestDidStart() {
    return {
      async didResolveOperation({ schema, document, operationName, request, contextValue }) {
        const { variables } = request;
        assertAffordable(schema, { document, operationName, variables }, contextValue);
      },
    };
  },
};

/** An answer without data has the status of its error; one with data is 200, whatever its parts. */
const statusCodes: ApolloServerPlugin<RequestContext> = {
  async requestDidStart() {
    return {
      async willSendResponse({ response: { body, http }, errors }) {
        if (body.kind === "single" && !body.singleResult.data) {
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
