/** @file Fields, arguments and permissions of the API, each with its description. */
import "reflect-metadata"; // type-graphql requires it, although no metadata is emitted
import { Arg, Authorized, FieldResolver, Mutation, Query } from "type-graphql";
import type { AccessLevel } from "../recsys/access/viewer.js";
import { pageComplexity } from "../schema/connection.js";
import { type FieldType } from "../schema/field.js";

type ApiType = FieldType | [FieldType];

export function Argument(name: string, type: ApiType, description: string) {
  return Arg(name, () => type, { description });
}

/** An argument that may be null or absent. */
export function OptionalArgument(name: string, type: ApiType, description: string) {
  return Arg(name, () => type, { description, nullable: true });
}

export function Resolved(type: ApiType, description: string): MethodDecorator {
  return FieldResolver(() => type, { description });
}

/** A field that may be null. */
export function NullableResolved(type: ApiType, description: string): MethodDecorator {
  return FieldResolver(() => type, { description, nullable: true });
}

/** A field that is a paginated list. */
export function ListResolved(type: ApiType, description: string): MethodDecorator {
  return FieldResolver(() => type, { description, complexity: pageComplexity });
}

/** A query of callers with this level of access, or a higher one. */
export function QueryFor(level: AccessLevel, type: ApiType, description: string) {
  return both(
    Authorized(level),
    Query(() => type, { description }),
  );
}

/** The same for a paginated list. */
export function ListQueryFor(level: AccessLevel, type: ApiType, description: string) {
  return both(
    Authorized(level),
    Query(() => type, { description, complexity: pageComplexity }),
  );
}

/** A mutation of callers with this level of access, or a higher one. */
export function MutationFor(level: AccessLevel, type: ApiType, description: string) {
  return both(
    Authorized(level),
    Mutation(() => type, { description }),
  );
}

function both(outer: MethodDecorator, inner: MethodDecorator): MethodDecorator {
  return (target, key, descriptor) => {
    inner(target, key, descriptor);
    outer(target, key, descriptor);
  };
}
