/** @file The schema's own scalars. */
import "reflect-metadata"; // type-graphql refuses to run without it, though no metadata is emitted
import { GraphQLScalarType } from "graphql";
import { GraphQLDateTimeISO, GraphQLJSONObject } from "graphql-scalars";

/** A time in UTC, ISO 8601. */
export const DateTime: GraphQLScalarType = GraphQLDateTimeISO;

/** A JSON object whose shape the schema does not fix. */
export const JsonObject: GraphQLScalarType = GraphQLJSONObject;

/** An invalid `Date` in place of the error that `parse` throws. */
function dateOrInvalid(parse: () => unknown): Date {
  try {
    return parse() as Date;
  } catch {
    return new Date(NaN);
  }
}

/**
 * {@link DateTime} of a row among many: a text that is no time does not refuse the whole request, but becomes an invalid
 * `Date`, for which its row is rejected.
 */
export const RowTime = new GraphQLScalarType<Date, string>({
  name: "RowTime",
  description:
    "A time with its zone, ISO 8601 (`2026-02-01T10:00:00Z`). A value that is no time is no fault of the request: the row " +
    "that has it is rejected, and the others are taken.",
  serialize: DateTime.serialize as (value: unknown) => string,
  parseValue: value => dateOrInvalid(() => DateTime.parseValue(value)),
  parseLiteral: node => dateOrInvalid(() => DateTime.parseLiteral(node)),
});
