/** @file The limits that a GraphQL server can be told: numbers, and rules for `validate()`. */
import { ApolloArmor } from "@escape.tech/graphql-armor";
import type { DocumentNode, GraphQLError, ValidationContext, ValidationRule } from "graphql";
import { shapeFault } from "./document-shape.js";

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
/** Selections of one field beside each other, and fragments: comparing them takes the square of their number. */
const shapeLimits = { repeats: 30, fragments: 60 };
/** Fields answered: those of a page count once for each row it may have. A page of 100 items with 3 rank changes each is 2,400. */
export const maxComplexity = 5_000;

/** Rejections are reported as validation errors; thrown, as the library does by default, they would be masked. */
const reported = {
  propagateOnRejection: false,
  onReject: [
    (context: ValidationContext | null, error: GraphQLError) => context?.reportError(error),
  ],
};

/** Why a document is refused by its shape alone, without the schema; null if it may be validated. */
export function refusedShape(document: DocumentNode): GraphQLError | null {
  return shapeFault(document, {
    ...shapeLimits,
    aliases: maxAliases,
    directives: maxDirectives,
    levels: 2 * maxDepth, // an inline fragment is a level of the document, but none of the answer
  });
}

/** The limits that the library has no rule for. */
const shapeRule: ValidationRule = context => {
  const others = { aliases: Infinity, directives: Infinity, levels: Infinity };
  const fault = shapeFault(context.getDocument(), { ...shapeLimits, ...others });
  if (fault) {
    context.reportError(fault);
  }
  return {};
};

/** Rules of depth, aliases, directives, repeats and fragments, for `validate()`. */
export function limitRules(): ValidationRule[] {
  const { validationRules } = new ApolloArmor({
    maxDepth: { n: maxDepth, ...reported },
    maxAliases: { n: maxAliases, ...reported },
    maxDirectives: { n: maxDirectives, ...reported },
    maxTokens: { enabled: false }, // graphql-js counts them itself while it parses
    costLimit: { enabled: false }, // the complexity below knows page sizes
    blockFieldSuggestion: { enabled: false }, // the schema is public
  }).protect();
  return [shapeRule, ...validationRules];
}
