/** @file The schema's own scalars. */
import "reflect-metadata"; // type-graphql refuses to run without it, though no metadata is emitted
import type { GraphQLScalarType } from "graphql";
import { GraphQLDateTimeISO, GraphQLJSONObject } from "graphql-scalars";

/** A time in UTC, ISO 8601. */
export const DateTime: GraphQLScalarType = GraphQLDateTimeISO;

/** A JSON object whose shape the schema does not fix. */
export const JsonObject: GraphQLScalarType = GraphQLJSONObject;
