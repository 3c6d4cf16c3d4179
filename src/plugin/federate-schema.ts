/**
 * @file The schema as a subgraph of Apollo Federation 2: `Item` and `User` are entities, and a type of the shop's own gets the
 * item's fields.
 */
import { buildSubgraphSchema } from "@apollo/subgraph";
import {
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLSchema,
  isInputObjectType,
  isObjectType,
  parse,
} from "graphql";
import { createResolversMap } from "type-graphql";
import { isStorable, UNSTORABLE_PROBLEM } from "../db/storable-text.js";
import { AppError } from "../errors/app-error.js";
import { assertActsFor, assertReaches } from "../recsys/access/viewer.js";
import { requireViewer, type RequestContext } from "../resolvers/context.js";
import { type Entity, SubgraphNames } from "./subgraph-names.js";

/** How Vitrine takes part in a supergraph. */
export interface FederationOptions {
  /**
   * The shop's own entity that stands for an item, such as `Product`. It gets the fields `item` and `personalizedImage`. Its
   * key must be the item's id. Default: none.
   */
  productType?: string;
  /** The key field of `productType`. Default `id`. */
  productKey?: string;
  /**
   * Put before the names of types, and in lower case before root fields: with `Vitrine`, `Image` becomes `VitrineImage` and
   * `health` becomes `vitrineHealth`. For supergraphs where other subgraphs have the same names. Default: none.
   */
  prefix?: string;
}

type Resolve = GraphQLFieldResolver<unknown, RequestContext>;
type ResolveReference = (reference: Reference, context: RequestContext) => unknown;
type Reference = Readonly<Record<string, unknown>>;

const nameForm = /^[A-Za-z][A-Za-z0-9_]*$/;

/**
 * Makes a subgraph of the schema. A reference needs the same rights as the query that reads its type.
 *
 * @param schema as type-graphql built it; it is not changed
 * @returns a schema with `_service` and `_entities`, whose other resolvers are those of `schema`
 * @throws AppError `INVALID_ARGUMENT` if an option is not a name of GraphQL, or names a type that the schema has
 */
export function federateSchema(schema: GraphQLSchema, options: FederationOptions): GraphQLSchema {
  const { productType, productKey = "id", prefix = "" } = options;
  checkNames({ productType, productKey, ...(prefix && { prefix }) });
  const names = new SubgraphNames(schema, prefix);
  const own: Entity[] = ["Item", "User"].map(type => ({ type, key: "id" }));
  const product = productType === undefined ? null : { type: productType, key: productKey };
  if (
    product &&
    Object.keys(schema.getTypeMap()).some(type => names.typeOf(type) === productType)
  ) {
    const problem = `is '${productType}', which Vitrine has itself; set a prefix`;
    throw new AppError("INVALID_ARGUMENT", { argument: "productType", problem });
  }
  const federated = buildSubgraphSchema({
    typeDefs: parse(names.text(own) + (product ? productText(product, names) : "")),
    resolvers: {
      ...renamedResolvers(schema, names),
      ...(product && { [product.type]: productFields(schema, product) }),
    } as never, // the same maps, typed by another library
  });
  copyExtensions(schema, federated, names);
  const resolvers = new Map<string, Entity & { resolve: ResolveReference }>();
  for (const entity of own) {
    const resolve = entity.type === "Item" ? resolveItem : resolveUser;
    resolvers.set(names.typeOf(entity.type), { ...entity, resolve });
  }
  if (product) {
    resolvers.set(product.type, { ...product, resolve: reference => reference });
  }
  answerReferences(federated, resolvers);
  return federated;
}

function checkNames(options: Readonly<Record<string, string | undefined>>): void {
  for (const [argument, name] of Object.entries(options)) {
    if (name !== undefined && !nameForm.test(name)) {
      const problem = `must be a name of GraphQL, but is '${name}'`;
      throw new AppError("INVALID_ARGUMENT", { argument, problem });
    }
  }
}

function productText({ type, key }: Entity, names: SubgraphNames): string {
  return `
    type ${type} @key(fields: "${key}") {
      ${key}: ID!
      "The item that the product is in Vitrine; null if it has not been imported."
      item: ${names.typeOf("Item")}
      """
      The current image of the product for a shopper with the default options; null if there is none. Reading it starts no
      generation. Fails with \`OTHER_USER\`.
      """
      personalizedImage(
        "The shopper's id in the shop."
        userId: ID!
      ): ${names.typeOf("PersonalizedImage")}
    }`;
}

/** The fields of the shop's own type, read from the item with the same id. */
function productFields(schema: GraphQLSchema, { key }: Entity): Record<string, Resolve> {
  const item = schema.getType("Item") as GraphQLObjectType;
  const personalizedImage = item.getFields().personalizedImage.resolve as Resolve;
  const idOf = (product: unknown) => (product as Record<string, string>)[key];
  return {
    item: (product, _args, { loaders }) => loaders.item.load(idOf(product)),
    personalizedImage: (product, ...call) => personalizedImage({ id: idOf(product) }, ...call),
  };
}

/** Resolvers of every type under the subgraph's names. */
function renamedResolvers(schema: GraphQLSchema, names: SubgraphNames): Record<string, unknown> {
  const renamed: Record<string, unknown> = {};
  for (const [type, map] of Object.entries(createResolversMap(schema))) {
    if (!isObjectType(schema.getType(type))) {
      renamed[names.typeOf(type)] = namingTypes(map, names);
      continue;
    }
    const fields = Object.entries(map).map(([field, resolve]) => [
      field.startsWith("__") ? field : names.fieldOf(type, field),
      resolve as unknown,
    ]);
    renamed[names.typeOf(type)] = Object.fromEntries(fields);
  }
  return renamed;
}

/** A union's resolver says the type by its name, which the subgraph may have changed. */
function namingTypes(map: object, names: SubgraphNames): object {
  if (!("__resolveType" in map)) {
    return map;
  }
  const resolveType = map.__resolveType as (...call: unknown[]) => unknown;
  return {
    ...map,
    __resolveType: async (...call: unknown[]) => {
      const name = await resolveType(...call);
      return typeof name === "string" ? names.typeOf(name) : name;
    },
  };
}

/** The complexity of fields, and which inputs are rows, stand in extensions, which a schema's text does not have. */
function copyExtensions(from: GraphQLSchema, to: GraphQLSchema, names: SubgraphNames): void {
  for (const type of Object.values(from.getTypeMap())) {
    const copy = to.getType(names.typeOf(type.name));
    if (isInputObjectType(type) && isInputObjectType(copy)) {
      copy.extensions = { ...copy.extensions, ...type.extensions };
    }
    if (isObjectType(type) && isObjectType(copy)) {
      const fields = copy.getFields();
      for (const field of Object.values(type.getFields())) {
        const target = fields[names.fieldOf(type.name, field.name)];
        target.extensions = { ...target.extensions, ...field.extensions };
      }
    }
  }
}

function resolveItem({ id }: Reference, context: RequestContext): unknown {
  return context.loaders.item.load(id as string).then(row => row && { ...row });
}

function resolveUser({ id }: Reference, context: RequestContext): unknown {
  assertActsFor(requireViewer(context), id as string);
  return context.loaders.user.load(id as string).then(row => row && { ...row });
}

/** References are data of a client like all other: what is no reference is refused, and each costs as much as a row. */
function answerReferences(
  schema: GraphQLSchema,
  entities: ReadonlyMap<string, Entity & { resolve: ResolveReference }>,
): void {
  for (const [type, { resolve, key }] of entities) {
    const object = schema.getType(type) as GraphQLObjectType;
    const resolveReference: ResolveReference = (reference, context) => {
      assertReaches(requireViewer(context), "SHOPPER");
      return resolve({ ...reference, id: reference[key] }, context);
    };
    object.extensions = { ...object.extensions, apollo: { subgraph: { resolveReference } } };
  }
  const { _entities: field, _service: service } = (
    schema.getQueryType() as GraphQLObjectType<unknown, RequestContext>
  ).getFields();
  const tell = service.resolve as Resolve;
  service.resolve = (source, args, context, info) => {
    requireViewer(context); // as for introspection
    return tell(source, args, context, info);
  };
  const answer = field.resolve as Resolve;
  field.resolve = (source, args: { representations: readonly unknown[] }, ...rest) => {
    const representations = args.representations.map(given => referenceOf(given, entities));
    return answer(source, { representations }, ...rest);
  };
  field.extensions = {
    ...field.extensions,
    complexity: ({ args, childComplexity }: EntitiesCost) =>
      1 + (Array.isArray(args.representations) ? args.representations.length : 1) * childComplexity,
  };
}

interface EntitiesCost {
  args: { representations?: unknown };
  childComplexity: number;
}

/** @throws AppError `INVALID_ARGUMENT` */
function referenceOf(given: unknown, entities: ReadonlyMap<string, Entity>): Reference {
  const reference = (typeof given === "object" && given !== null ? given : {}) as Reference;
  const type = reference.__typename;
  const entity = typeof type === "string" ? entities.get(type) : undefined;
  if (!entity) {
    const problem = `must name one of ${[...entities.keys()].join(", ")} as __typename`;
    throw new AppError("INVALID_ARGUMENT", { argument: "representations", problem });
  }
  const id = reference[entity.key];
  if ((typeof id !== "string" && typeof id !== "number") || !isStorable(String(id))) {
    const wanted = typeof id === "string" ? UNSTORABLE_PROBLEM : "must be a text";
    const problem = `of ${type as string}: '${entity.key}' ${wanted}`;
    throw new AppError("INVALID_ARGUMENT", { argument: "representations", problem });
  }
  return { __typename: type, [entity.key]: String(id) };
}
