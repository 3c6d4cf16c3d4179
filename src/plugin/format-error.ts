/** @file What clients learn of an error: the known ones by their code, nothing of the others. */
import { GraphQLError, type GraphQLFormattedError } from "graphql";
import { AppError } from "../errors/app-error.js";

/** Codes of faults that lie in the request itself; their messages say nothing about the server. */
const requestFaults = new Set([
  "BAD_REQUEST",
  "BAD_USER_INPUT",
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "OPERATION_RESOLUTION_FAILURE",
]);

/** The error beneath what graphql-js and Apollo wrap around it. */
export function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) {
    cause = cause.originalError;
  }
  return cause;
}

/**
 * Makes a formatter of errors. What it masks it hands to `log` whole.
 *
 * @returns formatter of graphql-js's formatted error and the error itself, as Apollo calls it
 */
export function createFormatError(log: (error: unknown) => void) {
  return (formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    const { locations, path } = formatted;
    const cause = causeOf(error);
    if (cause instanceof AppError) {
      const { message, code, details } = cause;
      return { message, locations, path, extensions: { code, details } };
    }
    // Without a code only graphql-js itself can have made it, which it does for faults of the request.
    const code = formatted.extensions?.code ?? "BAD_USER_INPUT";
    if (cause instanceof GraphQLError && typeof code === "string" && requestFaults.has(code)) {
      return { message: formatted.message, locations, path, extensions: { code } };
    }
    log(cause);
    return {
      message: "Internal server error",
      locations,
      path,
      extensions: { code: "INTERNAL_SERVER_ERROR" },
    };
  };
}

/** HTTP status of an answer without data: that of its first named error; null to leave it to Apollo. */
export function statusOf(errors: readonly unknown[] | undefined): number | null {
  for (const error of errors ?? []) {
    const cause = causeOf(error);
    if (cause instanceof AppError) {
      return cause.status;
    }
    if (!(cause instanceof GraphQLError)) {
      return 500;
    }
    if (cause.extensions.code === "BAD_USER_INPUT") {
      return 400;
    }
  }
  return null;
}
