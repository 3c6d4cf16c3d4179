/** @file Limits of one request, checked before any read. The same limits apply in every host. */
import {
  type DocumentNode,
  getNamedType,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type StringValueNode,
  TypeInfo,
  type TypeNode,
  validate,
  visit,
  visitWithTypeInfo,
} from "graphql";
import complexity from "graphql-query-complexity/cjs";
import { LRUCache } from "lru-cache";
import { isStorable, UNSTORABLE_PROBLEM } from "../db/storable-text.js";
import { AppError } from "../errors/app-error.js";
import { assertReaches } from "../recsys/access/viewer.js";
import { requireViewer, type RequestContext } from "../resolvers/context.js";
import { rowInputExtension } from "../schema/row-input.js";
import { limitRules, maxComplexity } from "./limit-rules.js";

// Its ES module build would load a second copy of graphql; the other one has no named exports for Node.
const { fieldExtensionsEstimator, getComplexity, simpleEstimator } = complexity;

/** No input of the API needs a tenth of it; checks and coercion recurse over the variables. */
const MAX_VARIABLE_DEPTH = 100;

/** A request whose document is valid. */
export interface LimitedRequest {
  document: DocumentNode;
  operation: OperationDefinitionNode;
  variables?: Record<string, unknown> | null;
}

/** Checks that were passed: of an operation alone, and of it in one execution. Nothing is checked twice. */
const passed = new WeakMap<OperationDefinitionNode, WeakSet<object>>();

/**
 * Checks the depth, aliases, directives and complexity of an operation, and its texts.
 *
 * @param execution an object that belongs to this execution alone; with the same one, the check passes at once
 * @throws AppError `QUERY_TOO_COMPLEX`, `INVALID_ARGUMENT`
 * @throws GraphQLError `GRAPHQL_VALIDATION_FAILED`; `BAD_USER_INPUT` if the variables do not fit
 */
export function assertWithinLimits(
  schema: GraphQLSchema,
  request: LimitedRequest,
  execution: object,
): void {
  if (isWithinLimits(request, execution)) {
    return;
  }
  const { document, operation } = request;
  let executed = passed.get(operation);
  if (!executed) {
    const [fault] = validate(schema, document, limitRules());
    if (fault as GraphQLError | undefined) {
      const { message, nodes } = fault;
      throw new GraphQLError(message, { nodes, extensions: { code: "GRAPHQL_VALIDATION_FAILED" } });
    }
  }
  if (!nestsAtMost(request.variables, MAX_VARIABLE_DEPTH)) {
    const problem = `The variables may nest ${MAX_VARIABLE_DEPTH} levels`;
    throw new GraphQLError(problem, { extensions: { code: "BAD_USER_INPUT" } });
  }
  if (!isStorableRequest(schema, request)) {
    const argument = "a text of the request";
    throw new AppError("INVALID_ARGUMENT", { argument, problem: UNSTORABLE_PROBLEM });
  }
  const got = knownComplexityOf(schema, request);
  if (got > maxComplexity) {
    throw new AppError("QUERY_TOO_COMPLEX", { got, max: maxComplexity });
  }
  if (!executed) {
    executed = new WeakSet();
    passed.set(operation, executed);
  }
  executed.add(execution);
}

/** Whether a value of JSON has at most so many lists and objects within each other. Does not recurse. */
function nestsAtMost(value: unknown, max: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const below = level.filter(item => typeof item === "object" && item !== null);
    if (below.length > 0 && depth > max) {
      return false;
    }
    level = below.flatMap(item => Object.values(item) as unknown[]);
  }
  return true;
}

/** Whether {@link assertWithinLimits} has passed the operation in this execution. */
export function isWithinLimits(
  { operation }: Pick<LimitedRequest, "operation">,
  execution: object,
): boolean {
  return passed.get(operation)?.has(execution) ?? false;
}

/**
 * Checks a request before it is executed, for hosts that can: the answer then is one error, without data.
 *
 * @throws as {@link assertWithinLimits}, and AppError `UNAUTHENTICATED` if an unknown caller wants the schema
 */
export function assertAffordable(
  schema: GraphQLSchema,
  request: LimitedRequest,
  context: RequestContext,
): void {
  if (asksForSchema(request)) {
    // The schema is no secret, but reading it costs as much as a page.
    assertReaches(requireViewer(context), "SHOPPER");
  }
  assertWithinLimits(schema, request, context);
}

/** Remembered complexities of one operation, and the longest shape of variables that is remembered. */
const MAX_SHAPES = 100;
const MAX_SHAPE_LENGTH = 1_000;
const complexities = new WeakMap<OperationDefinitionNode, LRUCache<string, number>>();

/** The complexity, computed once for each operation and shape of its variables. */
function knownComplexityOf(schema: GraphQLSchema, request: LimitedRequest): number {
  const { operation, variables } = request;
  let known = complexities.get(operation);
  if (!known) {
    known = new LRUCache({ max: MAX_SHAPES });
    complexities.set(operation, known);
  }
  const shape = JSON.stringify(variables ?? {}, shapeOf);
  const before = known.get(shape);
  if (before !== undefined) {
    return before;
  }
  const got = complexityOf(schema, request);
  if (shape.length <= MAX_SHAPE_LENGTH) {
    known.set(shape, got);
  }
  return got;
}

/** What the complexity depends on: numbers, flags and the lengths of lists, but not texts. */
function shapeOf(_name: string, value: unknown): unknown {
  return typeof value === "string" ? "" : value;
}

function complexityOf(
  schema: GraphQLSchema,
  { document, operation, variables }: LimitedRequest,
): number {
  try {
    return getComplexity({
      schema,
      query: document,
      operationName: operation.name?.value,
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

/** Whether an input type is a row's (see `RowInput`): the service checks each row alone, so that one refuses no others. */
function isRowInput(schema: GraphQLSchema, typeName: string | undefined): boolean {
  return typeName !== undefined && schema.getType(typeName)?.extensions[rowInputExtension] === true;
}

/** Whether every text of the request, but those of rows, can be stored. */
function isStorableRequest(
  schema: GraphQLSchema,
  { document, operation, variables }: LimitedRequest,
): boolean {
  const given = (operation.variableDefinitions ?? [])
    .filter(({ type }) => !isRowInput(schema, namedTypeOf(type)))
    .map(({ variable }) => variables?.[variable.name.value]);
  return hasStorableTexts(given) && hasStorableLiterals(schema, { document, operation });
}

/** Of each operation, whether the texts written in its document can be stored. */
const storableLiterals = new WeakMap<OperationDefinitionNode, boolean>();

function hasStorableLiterals(
  schema: GraphQLSchema,
  { document, operation }: Pick<LimitedRequest, "document" | "operation">,
): boolean {
  const known = storableLiterals.get(operation);
  if (known !== undefined) {
    return known;
  }
  let storable = true;
  const types = new TypeInfo(schema);
  const visitor = {
    [Kind.OBJECT]: () =>
      isRowInput(schema, getNamedType(types.getInputType())?.name) ? false : undefined,
    [Kind.STRING]: ({ value }: StringValueNode) => {
      storable &&= isStorable(value);
    },
  };
  visit(document, visitWithTypeInfo(types, visitor));
  storableLiterals.set(operation, storable);
  return storable;
}

function namedTypeOf(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedTypeOf(type.type);
}

/** Whether a value of JSON has texts and names only that can be stored. */
function hasStorableTexts(value: unknown): boolean {
  if (typeof value === "string") {
    return isStorable(value);
  }
  return typeof value !== "object" || value === null
    ? true
    : Object.entries(value).every(([name, item]) => isStorable(name) && hasStorableTexts(item));
}

/** Of each operation, whether its document reads the schema. */
const schemaReaders = new WeakMap<OperationDefinitionNode, boolean>();

function asksForSchema({ document, operation }: LimitedRequest): boolean {
  const known = schemaReaders.get(operation);
  if (known !== undefined) {
    return known;
  }
  let asks = false;
  visit(document, {
    [Kind.FIELD]({ name }) {
      asks ||= name.value === "__schema" || name.value === "__type";
    },
  });
  schemaReaders.set(operation, asks);
  return asks;
}
