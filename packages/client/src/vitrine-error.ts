/** @file The one error of this package. */

/** An error as GraphQL servers send it. */
export interface GraphQLFault {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Codes that the client itself gives; all others are the API's. */
export const clientCodes = {
  /** The server cannot be reached, or something else answers in its place. */
  unreachable: "UNREACHABLE",
  /** No answer in time. */
  timeout: "TIMEOUT",
  /** A job ended, and what it was for is gone. */
  noResult: "NO_RESULT",
} as const;

/** A call failed. The shop's page keeps its own image. */
export class VitrineError extends Error {
  /**
   * @param code a code of the API's catalogue, such as `ITEM_NOT_FOUND` or `TOKEN_INVALID`, or `UNREACHABLE`, `TIMEOUT` or
   *   `NO_RESULT`
   * @param status the HTTP status; 0 without an answer
   * @param details what the API tells about the error
   */
  constructor(
    readonly code: string,
    message: string,
    readonly status = 0,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = "VitrineError";
  }

  static of({ message, extensions = {} }: GraphQLFault, status: number): VitrineError {
    const { code, details } = extensions;
    return new VitrineError(
      typeof code === "string" ? code : "INTERNAL_SERVER_ERROR",
      message,
      status,
      typeof details === "object" && details !== null ? (details as Record<string, unknown>) : {},
    );
  }
}
