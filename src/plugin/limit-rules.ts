/** @file The limits that a GraphQL server can be told: numbers, and rules for `validate()`. */
import { ApolloArmor } from "@escape.tech/graphql-armor";
import type { GraphQLError, ValidationContext, ValidationRule } from "graphql";

/**
 * Words and signs of a document: 1,000 are half a page of dense GraphQL; the introspection query has about 300. The time that
 * validation takes grows with the square.
 */
export const maxTokens = 1_000;
/** Faults told of one document: validation ends there. */
export const maxFaults = 10;
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
