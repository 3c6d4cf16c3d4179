/** @file What types and root fields are called in a subgraph, and the subgraph's text in the schema definition language. */
import {
  type FieldDefinitionNode,
  type GraphQLSchema,
  isScalarType,
  Kind,
  type NamedTypeNode,
  type ObjectTypeDefinitionNode,
  parse,
  print,
  printSchema,
  visit,
} from "graphql";

/** A type that other subgraphs may refer to, and the field that identifies one. */
export interface Entity {
  readonly type: string;
  readonly key: string;
}

/** Version 2.3 of Federation: every gateway that speaks Federation 2 today knows it. */
const link =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])';
const roots: ReadonlySet<string> = new Set(["Query", "Mutation", "Subscription"]);
/** Relay's own type: subgraphs that have it all have the same fields. */
const shareable = "PageInfo";

export class SubgraphNames {
  readonly #prefix: string;
  readonly #kept: ReadonlySet<string>;

  /** @param prefix put before the names of types, and in lower case before the root fields; may be empty */
  constructor(
    private readonly schema: GraphQLSchema,
    prefix: string,
  ) {
    this.#prefix = prefix;
    const scalars = Object.values(schema.getTypeMap()).filter(type => isScalarType(type));
    this.#kept = new Set([...roots, shareable, ...scalars.map(({ name }) => name)]);
  }

  /** Scalars keep their names, because subgraphs share them. */
  typeOf(name: string): string {
    return this.#kept.has(name) || name.startsWith("__") ? name : `${this.#prefix}${name}`;
  }

  fieldOf(type: string, field: string): string {
    if (!roots.has(type) || this.#prefix === "") {
      return field;
    }
    const [start, first] = [this.#prefix, field].map(text => text.charAt(0));
    return `${start.toLowerCase()}${this.#prefix.slice(1)}${first.toUpperCase()}${field.slice(1)}`;
  }

  /** The schema's text with these names, the keys of entities, and no more than Federation's directives. */
  text(entities: readonly Entity[]): string {
    const keys = new Map(entities.map(({ type, key }) => [type, key]));
    const document = visit(parse(printSchema(this.schema)), {
      [Kind.OBJECT_TYPE_DEFINITION]: node => this.#objectType(node, keys.get(node.name.value)),
      [Kind.NAMED_TYPE]: (node): NamedTypeNode => this.#renamed(node),
      [Kind.ENUM_TYPE_DEFINITION]: node => this.#renamed(node),
      [Kind.INPUT_OBJECT_TYPE_DEFINITION]: node => this.#renamed(node),
      [Kind.UNION_TYPE_DEFINITION]: node => this.#renamed(node),
      [Kind.INTERFACE_TYPE_DEFINITION]: node => this.#renamed(node),
    });
    return `${link}\n\n${print(document)}`;
  }

  #renamed<Node extends { readonly name: { readonly value: string } }>(node: Node): Node {
    return { ...node, name: { ...node.name, value: this.typeOf(node.name.value) } };
  }

  #objectType(node: ObjectTypeDefinitionNode, key: string | undefined): ObjectTypeDefinitionNode {
    const type = node.name.value;
    const fields = node.fields?.map((field): FieldDefinitionNode => {
      const name = { ...field.name, value: this.fieldOf(type, field.name.value) };
      return { ...field, name };
    });
    const directives = [
      ...(key === undefined ? [] : [`@key(fields: "${key}")`]),
      ...(type === shareable ? ["@shareable"] : []),
    ];
    return { ...this.#renamed(node), fields, directives: directivesOf(directives) };
  }
}

function directivesOf(texts: readonly string[]) {
  const [definition] = parse(`type Any ${texts.join(" ")} { any: ID }`).definitions;
  return (definition as ObjectTypeDefinitionNode).directives;
}
