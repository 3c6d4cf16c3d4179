/**
 * @file Keeps the audit log: who called which mutation, when, with what, and how it ended.
 *
 * The entry is written before the mutation runs, so nothing changes without one; if it cannot be written, the mutation fails.
 * It is completed afterwards. An entry that stays `STARTED` belongs to a process that died, or to a call that still runs.
 */
import { createHash } from "node:crypto";
import type { GraphQLFieldResolver, GraphQLSchema } from "graphql";
import { storable } from "../db/storable-text.js";
import { AppError } from "../errors/app-error.js";
import { reaches } from "../recsys/access/viewer.js";
import type { RequestContext } from "../resolvers/context.js";
import type { ApiServices } from "../resolvers/services.js";

/** What storefronts do all the time; nothing of it changes the shop. */
export const unauditedMutations: readonly string[] = [
  "issueShopperToken",
  "personalizeImage",
  "personalizeImages",
  "recordInteractions",
];

/** Longest text and list that an entry has whole. */
const MAX_TEXT = 200;
const MAX_ROWS = 10;

type Resolver = GraphQLFieldResolver<unknown, RequestContext>;

/** Wraps the mutations of a schema, in place. Calls by shoppers and by keys below RECOMMENDER are not recorded. */
export function auditMutations(
  schema: GraphQLSchema,
  audit: Pick<ApiServices["audit"], "begin" | "end">,
): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    if (field.resolve && !unauditedMutations.includes(field.name)) {
      field.resolve = audited(field.name, field.resolve as Resolver, audit);
    }
  }
  return schema;
}

function audited(
  action: string,
  resolve: Resolver,
  audit: Pick<ApiServices["audit"], "begin" | "end">,
): Resolver {
  return async (source, args, context, info) => {
    const { viewer } = context;
    if (viewer?.kind !== "KEY" || !reaches(viewer, "RECOMMENDER")) {
      return resolve(source, args, context, info);
    }
    const { keyId } = viewer;
    const entry = await audit.begin({ keyId, action, arguments: recorded(args as object) });
    try {
      const result: unknown = await resolve(source, args, context, info);
      await audit.end(entry, "SUCCEEDED", null);
      return result;
    } catch (error) {
      await audit.end(entry, "FAILED", error instanceof AppError ? error.code : null);
      throw error;
    }
  };
}

type Json = string | number | boolean | { [name: string]: Json | null } | (Json | null)[];

/** Arguments without secrets and without ids of users, and short. */
export function recorded(args: object): Record<string, Json | null> {
  const entries = Object.entries(args).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => [storable(name), recordedValue(name, value)]),
  );
}

function recordedValue(name: string, value: unknown): Json | null {
  if (typeof value === "string") {
    return name === "userId" ? hashed(value) : shortened(withoutQuery(value));
  }
  if (value instanceof Date) {
    return value.toISOString();
  }
  if (Array.isArray(value)) {
    const first = value.slice(0, MAX_ROWS).map(row => recordedValue(name, row));
    return value.length > MAX_ROWS ? { count: value.length, first } : first;
  }
  if (typeof value === "object" && value !== null) {
    return recorded(value);
  }
  return typeof value === "number" || typeof value === "boolean" ? value : null;
}

/** The log outlives an erased user. Who knows the id finds the entry. */
function hashed(userId: string): string {
  return `sha256:${createHash("sha256").update(userId).digest("hex")}`;
}

/** A signed URL has its secret in the query, and some have one before the host. */
function withoutQuery(text: string): string {
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : null;
  return url ? `${url.origin}${url.pathname}` : text;
}

function shortened(text: string): string {
  return storable(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);
}
