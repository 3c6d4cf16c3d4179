/** @file How much one request may ask for, before anything is read for it. The same limits hold over HTTP and websockets. */
import { ApolloArmor } from "@escape.tech/graphql-armor";
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type ValidationContext,
  type ValidationRule,
  visit,
} from "graphql";
import complexity from "graphql-query-complexity/cjs";
import { AppError } from "../errors/app-error.js";
import { requireViewer, type RequestContext } from "../resolvers/context.js";

// Its ES module build would load a second copy of graphql; the other one has no named exports for Node.
const { fieldExtensionsEstimator, getComplexity, simpleEstimator } = complexity;

/** Words and signs of a document: 2,000 are a page of dense GraphQL. */
export const maxTokens = 2_000;
/** The deepest useful path, from a job to the attribution of an item its picture retrieved, has about ten steps. */
const maxDepth = 14;
const maxAliases = 30;
const maxDirectives = 30;
/** Fields answered: those of a page count once for each row it may have. A page of 100 items with 3 rank changes each is 2,400. */
export const maxComplexity = 5_000;

/** Rejections are reported as validation errors; thrown, as the library does by default, they would be masked. */
const reported = {
  propagateOnRejection: false,
  onReject: [
    (context: ValidationContext | null, error: GraphQLError) => context?.reportError(error),
  ],
};

/** Rules of depth, aliases and directives, for `validate()`. */
export function limitRules(): ValidationRule[] {
  return new ApolloArmor({
    maxDepth: { n: maxDepth, ...reported },
    maxAliases: { n: maxAliases, ...reported },
    maxDirectives: { n: maxDirectives, ...reported },
    maxTokens: { enabled: false }, // graphql-js counts them itself while it parses
    costLimit: { enabled: false }, // the complexity below knows page sizes
    blockFieldSuggestion: { enabled: false }, // the schema is public
  }).protect().validationRules;
}

/**
 * Checks what needs variables and the viewer, once the document is known to be valid.
 *
 * @throws AppError `QUERY_TOO_COMPLEX`, `INVALID_ARGUMENT`, and `UNAUTHENTICATED` if an unknown caller wants the schema
 * @throws GraphQLError `BAD_USER_INPUT` if the variables do not fit
 */
export function assertAffordable(
  schema: GraphQLSchema,
  request: {
    document: DocumentNode;
    operationName?: string | null;
    variables?: Record<string, unknown> | null;
  },
  context: RequestContext,
): void {
  if (hasNul(request)) {
    const problem = "must not hold the character U+0000, which Postgres cannot store";
    throw new AppError("INVALID_ARGUMENT", { argument: "a text of the request", problem });
  }
  if (asksForSchema(request.document)) {
    requireViewer(context); // the schema is no secret, but reading it costs as much as a page
  }
  const got = complexityOf(schema, request);
  if (got > maxComplexity) {
    throw new AppError("QUERY_TOO_COMPLEX", { got, max: maxComplexity });
  }
}

function complexityOf(
  schema: GraphQLSchema,
  { document, operationName, variables }: Parameters<typeof assertAffordable>[1],
): number {
  try {
    return getComplexity({
      schema,
      query: document,
      operationName: operationName ?? undefined,
      variables: variables ?? undefined,
      estimators: [fieldExtensionsEstimator(), simpleEstimator({ defaultComplexity: 1 })],
    });
  } catch (error) {
    if (!(error instanceof GraphQLError)) {
      throw error;
    }
    const { message, nodes } = error; // the variables do not fit, or the document never ends
    throw new GraphQLError(message, { nodes, extensions: { code: "BAD_USER_INPUT" } });
  }
}

function hasNul({
  document,
  variables,
}: {
  document: DocumentNode;
  variables?: Record<string, unknown> | null;
}): boolean {
  let has = JSON.stringify(variables ?? {}).includes("\\u0000");
  visit(document, {
    [Kind.STRING]({ value }) {
      has ||= value.includes("\0");
    },
  });
  return has;
}

function asksForSchema(document: DocumentNode): boolean {
  let asks = false;
  visit(document, {
    [Kind.FIELD]({ name }) {
      asks ||= name.value === "__schema" || name.value === "__type";
    },
  });
  return asks;
}
