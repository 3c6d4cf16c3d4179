/**
 * @file Hostile requests, made from the schema and a seed: documents, variables, bodies, addresses and tokens. The same
 * seed gives the same requests.
 */
import {
  getNamedType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from "graphql";
import { SignJWT } from "jose";
import { Random, seedFrom } from "../../src/ml/nn/random.js";

/** One HTTP request. */
export interface Attack {
  /** For messages. */
  name: string;
  /** Below the server's address. */
  path: string;
  init: RequestInit;
}

export interface AttackTarget {
  schema: GraphQLSchema;
  /** Values of `Authorization` that the server accepts, and `null`. */
  credentials: readonly (string | null)[];
  tokenSecret: string;
}

const times = [
  "+275760-09-13T00:00:00.000Z",
  "-271821-04-20T00:00:00.000Z",
  "0000-01-01T00:00:00Z",
  "0001-01-01T00:00:00Z",
  "-000001-12-31T23:59:59Z",
  "9999-12-31T23:59:59.999999999Z",
  "294277-01-01T00:00:00Z",
  "2026-02-30T00:00:00Z",
  "2026-01-01T24:00:00Z",
  "2026-01-01T00:00:00+99:99",
];

const texts = [
  "",
  " ",
  "\0",
  "a\0b",
  "\ud800",
  "\udc00\ud800",
  "\u202eabc",
  "\uffff",
  "👩‍👩‍👧‍👦",
  "'; DROP TABLE items; --",
  "' OR 1=1 --",
  "../../../../etc/passwd",
  "%00",
  "file:///etc/passwd",
  "http://127.0.0.1:5432/",
  "http://[::ffff:127.0.0.1]/",
  "NaN",
  "Infinity",
  "1e308",
  "-0",
  "null",
  "__proto__",
  "constructor",
  "11111111-1111-4111-8111-111111111111",
  "x".repeat(10_000),
  "é".repeat(3_000),
  ...times,
];

const numbers = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  1e21,
  1e308,
  -1e308,
  5e-324,
];

/** Names in the cursors of the API's lists. */
const lists = [
  "items",
  "jobs",
  "rankingModels",
  "personalizers",
  "personalizedImages",
  "itemRankChanges",
  "rankChanges:-created",
  "rankChanges:delta",
  "history",
  "apiKeys",
  "recommendations",
  "similarItems",
];

/** Makes hostile requests, one for each number from 0. */
export class AttackGenerator {
  private readonly roots: readonly { operation: string; field: GraphQLField<unknown, unknown> }[];

  constructor(
    private readonly target: AttackTarget,
    private readonly seed: number,
  ) {
    const { schema } = target;
    const fieldsOf = (operation: "query" | "mutation") => {
      const root = operation === "query" ? schema.getQueryType() : schema.getMutationType();
      return Object.values(root?.getFields() ?? {}).map(field => ({ operation, field }));
    };
    this.roots = [...fieldsOf("query"), ...fieldsOf("mutation")];
  }

  async attack(index: number): Promise<Attack> {
    const random = new Random(seedFrom("attack", this.seed, index));
    const kinds = ["document", "document", "document", "body", "address", "token"] as const;
    const kind = kinds[random.int(kinds.length)];
    const request = await this[kind](random);
    return { name: `${kind} ${index}`, ...request };
  }

  /** A root field with hostile arguments, as literals or as variables. */
  private async document(random: Random): Promise<Omit<Attack, "name">> {
    const { field, operation } = pick(this.roots, random);
    const declared: string[] = [];
    const variables: Record<string, unknown> = {};
    const given = field.args
      .filter(({ type }) => isNonNullType(type) || random.uniform() < 0.7)
      .map((argument: GraphQLArgument) => {
        if (random.uniform() < 0.3) {
          return `${argument.name}: ${literal(valueOf(argument.type, random), argument.type)}`;
        }
        variables[argument.name] = valueOf(argument.type, random);
        declared.push(`$${argument.name}: ${argument.type.toString()}`);
        return `${argument.name}: $${argument.name}`;
      });
    const head = declared.length > 0 ? ` (${declared.join(", ")})` : "";
    const args = given.length > 0 ? `(${given.join(", ")})` : "";
    const query = `${operation}${head} { ${field.name}${args}${selection(field.type, random, 3)} }`;
    return this.posted(JSON.stringify({ query, variables }), random);
  }

  /** A body that is not a request, or barely one. */
  private async body(random: Random): Promise<Omit<Attack, "name">> {
    const query = "query ($id: ID!) { item(id: $id) { id } }";
    const depth = 1 + random.int(20_000);
    const bodies: (string | Buffer)[] = [
      "",
      "null",
      "[]",
      "7",
      '"{ health }"',
      "{",
      "{}",
      `{"query": ${pick(["null", "7", "[]", "{}", "true"], random)}}`,
      `{"query": "{ health }", "variables": ${pick(['"x"', "7", "[]", "[[1]]", "null", "true"], random)}}`,
      `{"query": "{ health }", "operationName": ${pick(['"x"', "7", "[]", "{}", '"\\u0000"'], random)}}`,
      `{"query": "{ health }", "extensions": ${pick(['"x"', "7", "[]", '{"persistedQuery": 7}', '{"persistedQuery": {"version": 1, "sha256Hash": "0"}}'], random)}}`,
      `{"query": ${JSON.stringify(query)}, "variables": {"id": ${"[".repeat(depth)}${"]".repeat(depth)}}}`,
      `{"query": ${JSON.stringify(query)}, "variables": {"id": ${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}}`,
      `{"query": ${JSON.stringify(query)}, "variables": {"id": 1e999}}`,
      `{"query": ${JSON.stringify(query)}, "variables": {"id": -1e999, "__proto__": {"id": "x"}}}`,
      `{"query": ${JSON.stringify(query)}, "variables": {"id": "a", "id": "\\ud800"}}`,
      `{"__proto__": {"query": "{ health }"}}`,
      `[{"query": "{ health }"}, {"query": "{ health }"}]`,
      JSON.stringify({ query: `{ ${"a".repeat(5_000)} }` }),
      JSON.stringify({
        query: `query ($v: [[[[ID!]!]!]!]) { health }`,
        variables: { v: deepList(30) },
      }),
      JSON.stringify({
        query: "{ ...f } fragment f on Query { ...g } fragment g on Query { ...f }",
      }),
      JSON.stringify({ query: `{ health ${"@skip(if: false) ".repeat(60)} }` }),
      JSON.stringify({
        query: `query ($a: Boolean = ${"[".repeat(500)}${"]".repeat(500)}) { health }`,
      }),
      JSON.stringify({ query: `{ item(id: ${"[".repeat(400)}"x"${"]".repeat(400)}) { id } }` }),
      Buffer.from([0xff, 0xfe, 0x00, 0x7b]),
      Buffer.concat([
        Buffer.from('{"query": "{ health }'),
        Buffer.from([0xc3, 0x28]),
        Buffer.from('"}'),
      ]),
    ];
    return this.posted(pick(bodies, random), random);
  }

  /** An address of the server. */
  private async address(random: Random): Promise<Omit<Attack, "name">> {
    const text = encodeURIComponent(wellFormed(pick(texts, random)));
    const path = pick(
      [
        `/graphql?query=${text}`,
        `/graphql?query=%7Bhealth%7D&variables=${text}`,
        `/graphql?query=%7Bhealth%7D&operationName=${text}&extensions=${text}`,
        `/graphql?query=${encodeURIComponent("mutation { rollbackRankingModel { id } }")}`,
        `/graphql?${"a=1&".repeat(500)}`,
        `/images/${text}`,
        `/images/${"0".repeat(64)}?width=${text}&format=${text}`,
        `/images/${"0".repeat(64)}?width=${String(pick(numbers, random))}`,
        `/images/..%2f..%2f${text}`,
        `/images/%`,
        `/%E0%A4%A`,
        `/${text}`,
        `/health?${text}`,
        "/graphql",
      ],
      random,
    );
    const method = pick(["GET", "GET", "HEAD", "DELETE", "PUT", "OPTIONS"], random);
    return { path, init: { method, headers: { ...this.headers(random) } } };
  }

  /** A signed token with hostile claims, or text that looks like one. */
  private async token(random: Random): Promise<Omit<Attack, "name">> {
    const now = Math.floor(Date.now() / 1_000);
    const claim = () =>
      pick<unknown>([...numbers, ...texts.slice(0, 12), null, [], {}, true], random);
    const claims = {
      aud: pick<unknown>(["vitrine", "vitrine", "vitrine", ["vitrine"], claim()], random),
      sub: pick<unknown>(["anna", claim(), claim()], random),
      exp: pick<unknown>([now + 60, claim()], random),
      iat: pick<unknown>([now, claim(), undefined], random),
      nbf: pick<unknown>([undefined, undefined, claim()], random),
    };
    const secret = new TextEncoder().encode(this.target.tokenSecret);
    const payload = JSON.parse(JSON.stringify(claims)) as Record<string, unknown>;
    const token = await new SignJWT(payload).setProtectedHeader({ alg: "HS256" }).sign(secret);
    const body = JSON.stringify({
      query:
        '{ items(first: 1) { edges { node { id personalizedImages { edges { cursor } } } } } user(id: "anna") { id } }',
    });
    return {
      path: "/graphql",
      init: {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body,
      },
    };
  }

  private posted(body: string | Buffer, random: Random): Omit<Attack, "name"> {
    const type =
      random.uniform() < 0.95
        ? "application/json"
        : pick(["text/plain", "application/graphql", "application/json; charset=utf-7"], random);
    return {
      path: "/graphql",
      init: { method: "POST", headers: { ...this.headers(random), "content-type": type }, body },
    };
  }

  private headers(random: Random): Record<string, string> {
    const authorization = pick(this.target.credentials, random);
    return authorization === null ? {} : { authorization };
  }
}

function pick<Value>(values: readonly Value[], random: Random): Value {
  return values[random.int(values.length)];
}

/** Half surrogates cannot be in an address. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "?");
}

function deepList(depth: number): unknown {
  return depth === 0 ? "x" : [deepList(depth - 1)];
}

/** A value of JSON: mostly of the type, with hostile leaves; sometimes of another one. */
function valueOf(type: GraphQLInputType, random: Random): unknown {
  if (isNonNullType(type)) {
    return random.uniform() < 0.03 ? null : valueOf(type.ofType, random);
  }
  const kind = random.uniform();
  if (kind < 0.05) {
    return pick<unknown>([null, [], {}, true, deepList(40), pick(numbers, random)], random);
  }
  if (isListType(type)) {
    const value = valueOf(type.ofType, random);
    const isShort = JSON.stringify(value).length < 50;
    const length = pick(isShort ? [0, 1, 2, 5, 101, 1_001] : [0, 1, 2, 5], random);
    return Array.from({ length }, (_, at) => (at < 2 ? valueOf(type.ofType, random) : value));
  }
  if (isInputObjectType(type)) {
    const entries = Object.values(type.getFields())
      .filter(field => isNonNullType(field.type) || random.uniform() < 0.5)
      .map(field => [field.name, valueOf(field.type, random)]);
    return Object.fromEntries(entries) as unknown;
  }
  if (isEnumType(type)) {
    return pick([...type.getValues().map(({ name }) => name), "NOTHING"], random);
  }
  switch (type.name) {
    case "Int":
    case "Float":
      return pick<unknown>([...numbers, ...numbers, "7"], random);
    case "Boolean":
      return random.uniform() < 0.5;
    case "DateTimeISO":
    case "RowTime":
      return pick<unknown>([...times, ...times, ...numbers, ...texts], random);
    case "JSONObject":
      return {
        [pick(texts, random).slice(0, 50)]: pick<unknown>(
          [...texts, ...numbers, deepList(100)],
          random,
        ),
      };
    default:
      return random.uniform() < 0.4
        ? pick(["anna", "item-01", cursor(random), cursor(random)], random)
        : pick(texts, random);
  }
}

/** Something like a cursor of the API: the list's name, then a place in it. */
function cursor(random: Random): string {
  const uuid = "11111111-1111-4111-8111-111111111111";
  const places = [
    [pick([...times, "2026-01-01T00:00:00.000Z"], random), pick([uuid, ...texts], random)],
    [pick(numbers, random), uuid],
    [pick(numbers, random)],
    [pick(texts, random)],
    [],
  ];
  const value = [pick(lists, random), ...pick<unknown[]>(places, random)];
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** A value as GraphQL writes it. */
function literal(value: unknown, type: GraphQLInputType): string {
  if (Array.isArray(value)) {
    return `[${value
      .slice(0, 20)
      .map(item => literal(item, type))
      .join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([name]) => /^[_a-z]\w*$/i.test(name));
    return `{${fields.map(([name, item]) => `${name}: ${literal(item, type)}`).join(", ")}}`;
  }
  const isName = isEnumType(getNamedType(type)) && typeof value === "string";
  return isName ? value : JSON.stringify(value);
}

/** Fields of a type, some of them with lists below. */
function selection(type: GraphQLOutputType, random: Random, levels: number): string {
  const named = getNamedType(type);
  if (!isCompositeType(named)) {
    return "";
  }
  if (isUnionType(named)) {
    return " { __typename }";
  }
  const fields = isObjectType(named) ? Object.values(named.getFields()) : [];
  const chosen = fields
    .filter(field => field.args.every(argument => !isNonNullType(argument.type)))
    .filter(
      field => !isCompositeType(getNamedType(field.type)) || (levels > 0 && random.uniform() < 0.4),
    )
    .map(field => `${field.name}${selection(field.type, random, levels - 1)}`);
  return ` { __typename ${chosen.join(" ")} }`;
}
