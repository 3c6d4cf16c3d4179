/** @file The schema's own scalars. */
import "reflect-metadata"; // type-graphql refuses to run without it, though no metadata is emitted
import { GraphQLScalarType } from "graphql";
import { GraphQLDateTimeISO, GraphQLJSONObject } from "graphql-scalars";

/** A time in UTC, ISO 8601. */
export const DateTime: GraphQLScalarType = GraphQLDateTimeISO;

/** A JSON object whose shape the schema does not fix. */
export const JsonObject: GraphQLScalarType = GraphQLJSONObject;

/**
 * A time of a row among many, as it was sent: whoever takes the row reads it, so that one that is no time rejects its row
 * and not the whole request.
 */
export const RowTime = new GraphQLScalarType<unknown, string>({
  name: "RowTime",
  description:
    "A time as imported files may have it: ISO 8601 (`2026-02-01T10:00:00Z`, `2026-02-01`; UTC unless it says otherwise), or " +
    "Unix seconds, milliseconds or microseconds, as text or number. A value that is no time is no fault of the request: the " +
    "row that has it is rejected, and the others are taken.",
  serialize: DateTime.serialize as (value: unknown) => string,
  parseValue: value => value,
  parseLiteral: node => ("value" in node ? node.value : null),
});
