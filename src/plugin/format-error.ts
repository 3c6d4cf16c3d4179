/** @file Formats errors for clients: known ones with their code, all others masked. */
import { GraphQLError, type GraphQLFormattedError } from "graphql";
import type { Logger } from "pino";
import { environmentFault } from "../db/environment-fault.js";
import { AppError, errorCatalogue } from "../errors/app-error.js";

/** Codes of faults that lie in the request itself; their messages say nothing about the server. */
const requestFaults = new Set([
  "BAD_REQUEST",
  "BAD_USER_INPUT",
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "OPERATION_RESOLUTION_FAILURE",
  "PERSISTED_QUERY_NOT_SUPPORTED",
]);

/** Logs errors that clients do not see. */
export function logFault(logger: Logger): (error: unknown) => void {
  return error => {
    logger.error({ err: error }, "a request failed");
  };
}

/** The error beneath what graphql-js and Apollo wrap around it; faults of the database and the disk by their codes. */
export function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && cause.originalError) {
    cause = cause.originalError;
  }
  return environmentFault(cause) ?? cause;
}

/**
 * An error that any GraphQL server may show as it is.
 *
 * @param log is given what is masked, and the faults of the server itself (5xx)
 */
export function toldError(error: unknown, log: (error: unknown) => void): GraphQLError {
  const cause = causeOf(error);
  if (cause instanceof AppError) {
    if (cause.cause !== undefined && cause.status >= 500) {
      log(cause);
    }
    return new GraphQLError(cause.message, { extensions: { ...cause.extensions } });
  }
  if (cause instanceof GraphQLError) {
    return cause;
  }
  log(cause);
  return new GraphQLError("Internal server error", {
    extensions: { code: "INTERNAL_SERVER_ERROR" },
  });
}

/**
 * Makes a formatter of errors, which masks what has no code of the catalogue and is no fault of the request.
 *
 * @param log is given what is masked, whole
 * @returns formatter of graphql-js's formatted error and the error itself, as Apollo Server calls it
 */
export function createFormatError(log: (error: unknown) => void) {
  return (formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    const { message, locations, path } = formatted;
    const cause = causeOf(error);
    if (cause instanceof AppError) {
      return { message: cause.message, locations, path, extensions: { ...cause.extensions } };
    }
    if (!(cause instanceof GraphQLError)) {
      log(cause);
      return masked({ locations, path });
    }
    const { code = "BAD_USER_INPUT", details } = formatted.extensions ?? {}; // without a code it is graphql-js's own
    if (isCatalogued(code)) {
      return { message, locations, path, extensions: { code, details } };
    }
    if (typeof code === "string" && requestFaults.has(code)) {
      return { message, locations, path, extensions: { code } };
    }
    if (!isMasked(cause)) {
      log(cause); // what `toldError` masked, it has logged
    }
    return masked({ locations, path });
  };
}

function masked(where: Pick<GraphQLFormattedError, "locations" | "path">): GraphQLFormattedError {
  return {
    message: "Internal server error",
    ...where,
    extensions: { code: "INTERNAL_SERVER_ERROR" },
  };
}

function isMasked({ message, extensions }: GraphQLError): boolean {
  return message === "Internal server error" && extensions.code === "INTERNAL_SERVER_ERROR";
}

function isCatalogued(code: unknown): code is keyof typeof errorCatalogue {
  return typeof code === "string" && Object.hasOwn(errorCatalogue, code);
}

/** HTTP status of an answer without data: that of its first named error; null to leave it to the server. */
export function statusOf(errors: readonly unknown[] | undefined): number | null {
  for (const error of errors ?? []) {
    const cause = causeOf(error);
    if (cause instanceof AppError) {
      return cause.status;
    }
    if (!(cause instanceof GraphQLError)) {
      return 500;
    }
    const { code } = cause.extensions;
    if (isCatalogued(code)) {
      return errorCatalogue[code][0];
    }
    if (code === "INTERNAL_SERVER_ERROR") {
      return 500;
    }
    if (code === "BAD_REQUEST" || code === "BAD_USER_INPUT") {
      return 400;
    }
  }
  return null;
}
