/** @file The level of every field of the schema: as docs/access.md says, for every caller. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "@jest/globals";
import {
  getOperationAST,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isObjectType,
  parse,
} from "graphql";
import { createContextFactory } from "../../../src/plugin/context.js";
import { createSchema } from "../../../src/plugin/create-schema.js";
import type { Viewer } from "../../../src/recsys/access/viewer.js";
import type { RequestContext } from "../../../src/resolvers/context.js";
import type { ApiServices } from "../../../src/resolvers/services.js";

const levels = ["nobody", "PARTICIPANT", "SHOPPER", "STOREFRONT", "RECOMMENDER", "ADMIN"] as const;
type Level = (typeof levels)[number];

const viewers: Record<Level, Viewer | null> = {
  nobody: null,
  PARTICIPANT: { kind: "PARTICIPANT", participantId: "p", studyId: "s" },
  SHOPPER: { kind: "SHOPPER", userId: "anna" },
  STOREFRONT: { kind: "KEY", keyId: "s", role: "STOREFRONT" },
  RECOMMENDER: { kind: "KEY", keyId: "r", role: "RECOMMENDER" },
  ADMIN: { kind: "KEY", keyId: "a", role: "ADMIN" },
};

/** `Type.field` -> the level that docs/access.md gives it; a field that is listed twice has both. */
function documented(): Record<string, string> {
  const page = readFileSync(new URL("../../../docs/access.md", import.meta.url), "utf8");
  const result: Record<string, string> = {};
  for (const [, type, level, fields] of page.matchAll(
    /^\| (\w+) +\| ([\w ]+?) +\| (`.+`) +\|$/gm,
  )) {
    for (const [, field] of fields.matchAll(/`(\w+)`/g)) {
      const name = `${type}.${field}`;
      result[name] = Object.hasOwn(result, name) ? `${result[name]} and ${level}` : level;
    }
  }
  return result;
}

/** Whatever a resolver asks of its services, it gets this far only past the check. */
const services = new Proxy(
  {},
  {
    get: (_target, name) => {
      if (name === "then") {
        return undefined;
      }
      return () => {
        throw new Error("the service was called");
      };
    },
  },
) as never;

function objectTypes(schema: GraphQLSchema): GraphQLObjectType[] {
  return Object.values(schema.getTypeMap())
    .filter(type => isObjectType(type))
    .filter(({ name }) => !name.startsWith("__"));
}

describe("the level of a field", () => {
  let schema: GraphQLSchema;
  let contexts: Record<Level, RequestContext>;

  beforeAll(async () => {
    // The log is written before the check, so that it has the refused calls.
    const audit = { begin: async () => "", end: async () => undefined };
    const all = new Proxy(
      {},
      { get: (_target, name) => (name === "audit" ? audit : services) },
    ) as ApiServices;
    schema = await createSchema(all, () => undefined);
    const createContext = createContextFactory(all);
    const made = levels.map(async level => [
      level,
      await createContext({ viewer: viewers[level] }),
    ]);
    contexts = Object.fromEntries(await Promise.all(made)) as typeof contexts;
  });

  it("is documented for every field, and for no other", () => {
    const fields = objectTypes(schema).flatMap(type =>
      Object.keys(type.getFields()).map(field => `${type.name}.${field}`),
    );
    expect(Object.keys(documented()).sort()).toEqual(fields.sort());
  });

  it("is what every caller meets", async () => {
    const expected = documented();
    const document = parse("{ health }");
    const differences: string[] = [];
    for (const type of objectTypes(schema)) {
      for (const field of Object.values(type.getFields())) {
        const name = `${type.name}.${field.name}`;
        const call = field.subscribe ?? field.resolve;
        const info = {
          schema,
          operation: getOperationAST(document)!,
          fragments: {},
          variableValues: {},
          fieldName: field.name,
          parentType: type,
          returnType: field.type,
        } as unknown as GraphQLResolveInfo;
        const refused: string[] = [];
        for (const level of levels) {
          const code = await codeOf(async () => call?.({}, {}, contexts[level], info));
          if (code === "FORBIDDEN" || code === "UNAUTHENTICATED") {
            refused.push(level);
          }
        }
        const lowest = levels.findIndex(level => level === expected[name]);
        const below = expected[name] === "as its parent" ? [] : levels.slice(0, lowest);
        if (refused.join() !== below.join()) {
          differences.push(`${name} (${expected[name]}) refuses ${refused.join(", ") || "nobody"}`);
        }
      }
    }
    expect(differences).toEqual([]);
  });
});

async function codeOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    await call();
    return null;
  } catch (error) {
    return (error as { extensions?: { code?: unknown } }).extensions?.code;
  }
}
