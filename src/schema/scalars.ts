/** @file The schema's own scalars. */
import { GraphQLDateTimeISO, GraphQLJSONObject } from "graphql-scalars";
import type { GraphQLScalarType } from "graphql";

/** A time in UTC, ISO 8601. */
export const DateTime: GraphQLScalarType = GraphQLDateTimeISO;

/** A JSON object whose shape the schema does not fix. */
export const JsonObject: GraphQLScalarType = GraphQLJSONObject;
