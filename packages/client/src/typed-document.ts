/** @file A GraphQL document as text, with the types of its result and variables. */

export type TypedDocument<Result, Variables> = string & {
  /** Never there: it carries the types. */
  readonly __types?: (variables: Variables) => Result;
};
