/** @file The schema's own scalars. */
import "reflect-metadata"; // type-graphql requires it, although no metadata is emitted
import { GraphQLError, GraphQLScalarType, type GraphQLScalarTypeConfig } from "graphql";
import { GraphQLDateTimeISO, GraphQLJSONObject } from "graphql-scalars";
import { isStorableTime, UNSTORABLE_TIME_PROBLEM } from "../db/storable-time.js";

/** A time in UTC, ISO 8601, that Postgres can store. */
export const DateTime: GraphQLScalarType = new GraphQLScalarType<Date, unknown>({
  ...(GraphQLDateTimeISO.toConfig() as GraphQLScalarTypeConfig<Date, unknown>),
  parseValue: value => storable(GraphQLDateTimeISO.parseValue(value)),
  parseLiteral: (node, variables) => storable(GraphQLDateTimeISO.parseLiteral(node, variables)),
});

function storable(time: Date): Date {
  if (!isStorableTime(time)) {
    throw new GraphQLError(`A time ${UNSTORABLE_TIME_PROBLEM}`);
  }
  return time;
}

/** A JSON object whose shape the schema does not fix. */
export const JsonObject: GraphQLScalarType = GraphQLJSONObject;

/**
 * A time in one of many rows, passed through unparsed: the service parses it, so that an invalid one rejects its row,
 * not the request.
 */
export const RowTime = new GraphQLScalarType<unknown, string>({
  name: "RowTime",
  description:
    "A time as in imported files: ISO 8601 (`2026-02-01T10:00:00Z`, `2026-02-01`; UTC by default), or " +
    "Unix seconds, milliseconds or microseconds, as text or number. An invalid value rejects only " +
    "its row, not the request.",
  serialize: DateTime.serialize as (value: unknown) => string,
  parseValue: value => value,
  parseLiteral: node => ("value" in node ? node.value : null),
});
