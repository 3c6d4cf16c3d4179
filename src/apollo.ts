/** @file `vitrine/apollo`: the options of a host's own Apollo Server. */
import type { ApolloServerOptionsWithSchema } from "@apollo/server";
import type { Plugin, RequestContext } from "./public-types.js";
import { apolloOptions as options } from "./server/create-apollo.js";

/**
 * What a host gives its own `new ApolloServer(…)`: answers then have the limits, codes and status codes of `vitrine serve`.
 *
 * Introspection is on, for callers with credentials. Persisted queries are refused with Apollo's own code
 * `PERSISTED_QUERY_NOT_SUPPORTED`, after which clients send the whole query.
 */
export const apolloOptions: (
  plugin: Pick<Plugin, "schema" | "formatError">,
) => ApolloServerOptionsWithSchema<RequestContext> = plugin =>
  options(plugin) as unknown as ApolloServerOptionsWithSchema<RequestContext>; // contexts are what `plugin.createContext` made
