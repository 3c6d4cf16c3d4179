/** @file Enforces in every host the limits of a request, and error codes instead of internals. */
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isObjectType,
  Kind,
} from "graphql";
import type { RequestContext } from "../resolvers/context.js";
import { toldError } from "./format-error.js";
import { assertWithinLimits, isWithinLimits } from "./limits.js";

type Resolver = GraphQLFieldResolver<unknown, RequestContext>;

/**
 * Wraps the resolvers of a schema, in place:
 *
 * - Before the first field of an operation is resolved, its depth, aliases, directives and complexity are checked.
 * - What a resolver throws becomes a `GraphQLError` that any server may show: the code and details of an `AppError`,
 *   or "Internal server error". Servers that mask unknown errors (GraphQL Yoga) let it through; servers that do not
 *   (Apollo Server) have nothing to leak.
 *
 * @param log is given what clients are not told
 */
export function guardSchema(schema: GraphQLSchema, log: (error: unknown) => void): GraphQLSchema {
  const told = (error: unknown) => toldError(error, log);
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith("__")) {
      continue;
    }
    const guard = guardOf(schema, type);
    for (const field of Object.values(type.getFields())) {
      if (field.resolve) {
        field.resolve = guard(field.resolve as Resolver, told);
      }
      if (field.subscribe) {
        const subscribe = guardedRoot(field.subscribe as Resolver, told);
        field.subscribe = async (source, args, context: RequestContext, info) =>
          toldEvents(await subscribe(source, args, context, info), told);
      }
    }
  }
  return schema;
}

function guardOf(schema: GraphQLSchema, type: GraphQLObjectType) {
  switch (type) {
    case schema.getQueryType():
    case schema.getMutationType():
      return guardedRoot;
    case schema.getSubscriptionType():
      return guardedEvent;
    default:
      return guarded;
  }
}

type Told = (error: unknown) => GraphQLError;

function guarded(resolve: Resolver, told: Told): Resolver {
  const fail = (error: unknown) => {
    throw told(error);
  };
  return (...call) => {
    try {
      const result = resolve(...call);
      return result instanceof Promise ? result.catch(fail) : result;
    } catch (error) {
      return fail(error);
    }
  };
}

function guardedRoot(resolve: Resolver, told: Told): Resolver {
  return guarded((source, args, context, info) => {
    // The context is the host's, which may use it twice; only `assertAffordable` may have marked it.
    if (!isWithinLimits(info, context)) {
      assertWithinLimits(info.schema, requestOf(info), info.variableValues);
    }
    return resolve(source, args, context, info);
  }, told);
}

/** The limits of a subscription are checked before its first event. */
function guardedEvent(resolve: Resolver, told: Told): Resolver {
  return guarded((event, args, context, info) => {
    if (event === undefined) {
      throw new GraphQLError("Subscriptions are answered over websockets (graphql-transport-ws)", {
        extensions: { code: "BAD_REQUEST" },
      });
    }
    return resolve(event, args, context, info);
  }, told);
}

function requestOf({ operation, fragments, variableValues }: GraphQLResolveInfo) {
  return {
    operation,
    variables: variableValues,
    get document(): DocumentNode {
      return { kind: Kind.DOCUMENT, definitions: [operation, ...Object.values(fragments)] };
    },
  };
}

/** Events whose faults are told like those of resolvers. */
function toldEvents(events: unknown, told: Told): unknown {
  if (typeof events !== "object" || events === null || !(Symbol.asyncIterator in events)) {
    return events;
  }
  const inner = (events as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  return {
    next: async () => {
      try {
        return await inner.next();
      } catch (error) {
        throw told(error);
      }
    },
    return: async () => {
      await inner.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
