/** @file Paginated lists, following Relay's cursor connections. */
import "reflect-metadata"; // type-graphql requires it, although no metadata is emitted
import { ArgsType, type ClassType, Field, Int, ObjectType } from "type-graphql";
import { Described, Nullable } from "./field.js";

export const maxPageSize = 100;
export const defaultPageSize = 20;

@ArgsType()
export class PageArgs {
  @Field(() => Int, {
    defaultValue: defaultPageSize,
    description: `Number of rows, 1 to ${maxPageSize}.`,
  })
  first!: number;

  @Nullable(String, "The `endCursor` of the previous page; omit it for the first page.")
  after?: string | null;
}

/** Upper limit of a page's cost: its rows times the cost of each. */
export function pageComplexity({
  args,
  childComplexity,
}: {
  args: { first?: unknown };
  childComplexity: number;
}): number {
  const first = typeof args.first === "number" ? args.first : defaultPageSize;
  return 1 + Math.min(Math.max(first, 1), maxPageSize) * childComplexity;
}

@ObjectType({ description: "A page's position in its list." })
export class PageInfo {
  @Described(Boolean, "Whether rows follow this page.")
  hasNextPage!: boolean;

  @Nullable(String, "Cursor of the first row; null if none.")
  startCursor!: string | null;

  @Nullable(String, "Cursor of the last row, to pass as `after`; null if there are no rows.")
  endCursor!: string | null;
}

@ObjectType()
export abstract class ListEdge {
  @Described(String, "The row's cursor, for `after`.")
  cursor!: string;
}

export interface Edge<Node> {
  cursor: string;
  node: Node;
}

export interface Connection<Node, E extends { cursor: string } = Edge<Node>> {
  edges: E[];
  pageInfo: PageInfo;
}

/** `<name>Connection` and `<name>Edge` of a type. */
export function connectionType<T extends object>(
  Node: ClassType<T>,
  name: string,
): ClassType<Connection<T>> {
  @ObjectType(`${name}Edge`, { description: "A row and its cursor." })
  class NodeEdge extends ListEdge implements Edge<T> {
    @Described(Node, "The row.")
    node!: T;
  }

  @ObjectType(`${name}Connection`, { description: "A page of a list." })
  class NodeConnection implements Connection<T> {
    @Described([NodeEdge], "The page's rows, in the list's order.")
    edges!: NodeEdge[];

    @Described(PageInfo, "The page's position in the list.")
    pageInfo!: PageInfo;
  }
  return NodeConnection;
}
