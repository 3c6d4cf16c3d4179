/** @file A walk over a parsed document that refuses cheaply what GraphQL's own rules would read for long. */
import {
  type ASTNode,
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  Kind,
  type SelectionSetNode,
} from "graphql";

export interface ShapeLimits {
  aliases: number;
  directives: number;
  /** Selections within each other. */
  levels: number;
  /** Selections of one field beside each other: GraphQL compares each with each. */
  repeats: number;
  fragments: number;
}

type Counted = Pick<ShapeLimits, "aliases" | "directives" | "fragments">;

const NAMES: Readonly<Record<keyof ShapeLimits, string>> = {
  aliases: "aliases",
  directives: "directives",
  levels: "levels",
  repeats: "selections of one field beside each other",
  fragments: "fragments",
};

/** The first limit that a document exceeds; null if it keeps all. Takes time proportional to the document's length. */
export function shapeFault(document: DocumentNode, limits: ShapeLimits): GraphQLError | null {
  const counts: Counted = { aliases: 0, directives: 0, fragments: 0 };
  const open: { selectionSet: SelectionSetNode; level: number }[] = [];
  const exceeded = (limit: keyof ShapeLimits, nodes: ASTNode) =>
    new GraphQLError(`A document may have at most ${limits[limit]} ${NAMES[limit]}`, {
      nodes,
      extensions: { code: "GRAPHQL_VALIDATION_FAILED" },
    });
  const countFault = (node: ASTNode) => {
    const limit = (["aliases", "directives", "fragments"] as const).find(
      name => counts[name] > limits[name],
    );
    return limit ? exceeded(limit, node) : null;
  };

  for (const definition of document.definitions) {
    if ("selectionSet" in definition) {
      counts.fragments += definition.kind === Kind.FRAGMENT_DEFINITION ? 1 : 0;
      counts.directives += definition.directives?.length ?? 0;
      open.push({ selectionSet: definition.selectionSet, level: 1 });
      const fault = countFault(definition);
      if (fault) {
        return fault;
      }
    }
  }
  for (let next = open.pop(); next; next = open.pop()) {
    const { level, selectionSet } = next;
    if (level > limits.levels) {
      return exceeded("levels", selectionSet);
    }
    const times = new Map<string, number>();
    for (const selection of selectionSet.selections) {
      counts.directives += selection.directives?.length ?? 0;
      counts.aliases += selection.kind === Kind.FIELD && selection.alias ? 1 : 0;
      const name = nameOf(selection);
      const repeats = (times.get(name) ?? 0) + 1;
      times.set(name, repeats);
      const fault =
        repeats > limits.repeats ? exceeded("repeats", selection) : countFault(selection);
      if (fault) {
        return fault;
      }
      if ("selectionSet" in selection && selection.selectionSet) {
        open.push({ selectionSet: selection.selectionSet, level: level + 1 });
      }
    }
  }
  return null;
}

/** The name under which a field is answered. All inline fragments count as one, and each named one by its name. */
function nameOf(selection: SelectionSetNode["selections"][number]): string {
  switch (selection.kind) {
    case Kind.FIELD:
      return answerName(selection);
    case Kind.FRAGMENT_SPREAD:
      return `...${selection.name.value}`;
    case Kind.INLINE_FRAGMENT:
      return "...";
  }
}

function answerName({ alias, name }: FieldNode): string {
  return (alias ?? name).value;
}
