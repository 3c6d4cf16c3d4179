/** @file Errors of the API as people read them, by `extensions.code` (docs/errors.md). */

export interface GraphQLFault {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** The code of an error that this page found itself: the API does not answer. */
export const AWAY = "AWAY";

export class ApiError extends Error {
  readonly code: string;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    { message, extensions = {} }: GraphQLFault,
    readonly status: number,
  ) {
    super(message);
    this.name = "ApiError";
    this.extensions = extensions;
    this.code = typeof extensions.code === "string" ? extensions.code : "INTERNAL_SERVER_ERROR";
  }
}

export function awayError(): ApiError {
  return new ApiError({ message: "The API does not answer", extensions: { code: AWAY } }, 0);
}

export function codeOf(error: unknown): string | null {
  return error instanceof ApiError ? error.code : null;
}

/** Whether another try may succeed without a change. */
export function isTransient(error: unknown): boolean {
  return error instanceof ApiError && (error.code === AWAY || error.status >= 500);
}

export interface ErrorText {
  title: string;
  /** What happened, or what to do. */
  text: string;
}

const texts: Readonly<Record<string, ErrorText>> = {
  [AWAY]: {
    title: "The shop does not answer",
    text: "The server or the network is away. This page tries again by itself.",
  },
  UNAUTHENTICATED: {
    title: "You are not signed in",
    text: "The key or token is wrong, expired or revoked. Sign in again.",
  },
  FORBIDDEN: {
    title: "This key may not do that",
    text: "Sign in with a key that has a higher role.",
  },
  OTHER_USER: {
    title: "This belongs to someone else",
    text: "A user may read and change only their own data.",
  },
  ITEM_NOT_FOUND: {
    title: "This item is gone",
    text: "The shop has deleted it. The rest of the page is not affected.",
  },
  JOB_NOT_FOUND: { title: "There is no such job", text: "It may have been deleted." },
  JOB_NOT_CANCELLABLE: {
    title: "This job has ended already",
    text: "A job can be cancelled only while it is queued or running.",
  },
  DATABASE_UNREACHABLE: {
    title: "The database does not answer",
    text: "The server runs, but its database is away. Try again in a moment.",
  },
  INTERNAL_SERVER_ERROR: {
    title: "The server made a mistake",
    text: "Its log says what happened. Try again; if it stays, look at the log.",
  },
};

/** The text for an error; the API's own message where this page has no better one. */
export function errorText(error: unknown): ErrorText {
  if (error instanceof ApiError) {
    return texts[error.code] ?? { title: "That did not work", text: error.message };
  }
  return {
    title: "This page made a mistake",
    text: error instanceof Error ? error.message : String(error),
  };
}
