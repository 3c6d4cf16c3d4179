/** @file Fields of the API, each with its description. */
import "reflect-metadata"; // type-graphql requires it, although no metadata is emitted
import type { GraphQLScalarType } from "graphql";
import { type ClassType, Field } from "type-graphql";

export type FieldType = GraphQLScalarType | ClassType | object;

export function Described(type: FieldType | [FieldType], description: string): PropertyDecorator {
  return Field(() => type, { description });
}

/** A field that may be null; in an input, also absent. */
export function Nullable(type: FieldType | [FieldType], description: string): PropertyDecorator {
  return Field(() => type, { description, nullable: true });
}
