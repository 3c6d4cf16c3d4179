/** The guard in plain graphql-js: it applies to every server. */
import { buildSchema, graphql, type GraphQLSchema, parse, subscribe } from "graphql";
import { AppError } from "../../../src/errors/app-error.js";
import { guardSchema } from "../../../src/plugin/guard-schema.js";

const sdl = `
  type Query { node: Node, nodes(first: Int!): [Node!] }
  type Node { id: Int, node: Node, nodes(first: Int!): [Node!], fails: Int, breaks: Int }
  type Subscription { events: Int, brokenEvents: Int }`;

const costOfPage = {
  complexity: ({ args, childComplexity }: { args: { first: number }; childComplexity: number }) =>
    args.first * (1 + childComplexity),
};

describe("guardSchema()", () => {
  let schema: GraphQLSchema;
  let numResolved: number;
  let logged: unknown[];

  beforeEach(() => {
    numResolved = 0;
    logged = [];
    schema = buildSchema(sdl);
    const resolve = () => {
      numResolved++;
      return {};
    };
    for (const name of ["Query", "Node"]) {
      const { node, nodes } = (schema.getType(name) as never as GuardedType).getFields();
      node.resolve = resolve;
      nodes.resolve = () => [resolve()];
      nodes.extensions = costOfPage;
    }
    const { breaks, fails } = (schema.getType("Node") as never as GuardedType).getFields();
    fails.resolve = async () => {
      throw new AppError("ITEM_NOT_FOUND", { itemId: "i1" });
    };
    breaks.resolve = () => {
      throw new Error("the password is hunter2");
    };
    const { brokenEvents, events } = schema.getSubscriptionType()!.getFields();
    events.resolve = event => event as number;
    events.subscribe = async function* () {
      yield 1;
    };
    brokenEvents.resolve = event => event as number;
    brokenEvents.subscribe = async function* () {
      yield 1;
      throw new Error("the password is hunter2");
    };
    guardSchema(schema, error => logged.push(error));
  });

  interface GuardedType {
    getFields(): Record<string, { resolve: unknown; extensions: unknown }>;
  }

  const ask = (source: string, variableValues = {}) =>
    graphql({ schema, source, variableValues, contextValue: {} });
  const codesOf = async (source: string, variableValues = {}) =>
    (await ask(source, variableValues)).errors?.map(({ extensions }) => extensions.code);

  it("refuses a too complex query before resolving anything", async () => {
    const nested =
      "query ($n: Int!) { nodes(first: $n) { nodes(first: $n) { nodes(first: $n) { id } } } }";
    expect(await codesOf(nested, { n: 100 })).toEqual(["QUERY_TOO_COMPLEX"]);
    expect(numResolved).toBe(0);
    expect(await codesOf(nested, { n: 10 })).toBeUndefined();
    expect(numResolved).toBe(3);
  });

  it("counts each execution's variables of one parsed document", async () => {
    const { execute } = await import("graphql");
    const document = parse("query ($n: Int!) { nodes(first: $n) { nodes(first: $n) { id } } }");
    const codes = async (n: number) =>
      (await execute({ schema, document, variableValues: { n }, contextValue: {} })).errors?.map(
        ({ extensions }) => extensions.code,
      );
    expect(await codes(2)).toBeUndefined();
    expect(await codes(1_000)).toEqual(["QUERY_TOO_COMPLEX"]);
    expect(await codes(2)).toBeUndefined();
  });

  it("refuses a query that is too deep, or has too many aliases", async () => {
    const deep = `{ ${"node { ".repeat(20)}id${" }".repeat(20)} }`;
    expect(await codesOf(deep)).toEqual(["GRAPHQL_VALIDATION_FAILED"]);
    const aliases = Array.from({ length: 40 }, (_, i) => `a${i}: id`).join(" ");
    expect(await codesOf(`{ node { ${aliases} } }`)).toEqual(["GRAPHQL_VALIDATION_FAILED"]);
    expect(numResolved).toBe(0);
  });

  it("exposes codes and details of known errors only", async () => {
    const { errors } = await ask("{ node { fails breaks } }");
    expect(errors!.map(error => error.toJSON())).toEqual([
      {
        message: "Internal server error",
        path: ["node", "breaks"],
        locations: [{ line: 1, column: 16 }],
        extensions: { code: "INTERNAL_SERVER_ERROR" },
      },
      {
        message: "No item with id 'i1'",
        path: ["node", "fails"],
        locations: [{ line: 1, column: 10 }],
        extensions: { code: "ITEM_NOT_FOUND", details: { itemId: "i1" } },
      },
    ]);
    expect(logged).toEqual([new Error("the password is hunter2")]);
  });

  it("answers subscriptions", async () => {
    expect(await codesOf("subscription { events }")).toEqual(["BAD_REQUEST"]);
    const events = await subscribe({
      schema,
      document: parse("subscription { events }"),
      contextValue: {},
    });
    const seen: unknown[] = [];
    for await (const { data } of events as AsyncIterable<{ data: object }>) {
      seen.push({ ...data });
    }
    expect(seen).toEqual([{ events: 1 }]);
  });

  it("masks errors between events", async () => {
    const events = (await subscribe({
      schema,
      document: parse("subscription { brokenEvents }"),
      contextValue: {},
    })) as AsyncIterableIterator<unknown>;
    await events.next();
    await expect(events.next()).rejects.toMatchObject({ message: "Internal server error" });
    expect(logged).toEqual([new Error("the password is hunter2")]);
  });
});
