/** @file Calls of the GraphQL API: requests over HTTP, subscriptions over one websocket. */
import { type Client, createClient } from "graphql-ws";
import { ApiError, awayError, type GraphQLFault } from "./api-error";
import { noteAnswer, noteAway } from "./connection";
import type { TypedDocument } from "./typed-document";

/** A request that takes longer has failed. */
const REQUEST_TIMEOUT_MS = 70_000;

export interface Subscriber<Result> {
  next: (result: Result) => void;
  error: (error: ApiError) => void;
  complete?: () => void;
}

/** One caller of the API: what it may do depends on its credentials. */
export class ApiClient {
  private websocket: Client | null = null;

  /**
   * @param name Part of the cache's keys: two callers never share an answer.
   * @param credentials Returns an API key or a token, read anew for each request. Empty: no credentials.
   */
  constructor(
    readonly name: string,
    private readonly credentials: () => string | Promise<string>,
  ) {}

  /** @throws ApiError */
  async request<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Result> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    const bearer = await this.credentials();
    if (bearer) {
      headers.authorization = `Bearer ${bearer}`;
    }
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    let response: Response;
    try {
      response = await fetch("/graphql", {
        method: "POST",
        headers,
        body: JSON.stringify({ query: document, variables }),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
    } catch (error) {
      if (signal?.aborted) {
        throw error; // nobody waits for the answer
      }
      noteAway();
      throw awayError();
    }
    const answer = (await response.json().catch(() => null)) as Answer<Result> | null;
    if (!answer) {
      noteAway(); // a proxy answers in the server's place
      throw awayError();
    }
    noteAnswer();
    if (answer.errors?.[0]) {
      throw new ApiError(answer.errors[0], response.status);
    }
    return answer.data as Result;
  }

  /** @returns the function that ends the subscription */
  subscribe<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    subscriber: Subscriber<Result>,
  ): () => void {
    this.websocket ??= createClient({
      url: `${location.origin.replace(/^http/, "ws")}/graphql`,
      connectionParams: async () => ({ authorization: `Bearer ${await this.credentials()}` }),
      retryAttempts: Number.POSITIVE_INFINITY,
      shouldRetry: () => true,
      retryWait: async retries => {
        await new Promise(resolve => setTimeout(resolve, Math.min(500 * 2 ** retries, 10_000)));
      },
    });
    return this.websocket.subscribe<Result>(
      { query: document, variables: variables as Record<string, unknown> },
      {
        next: ({ data, errors }) => {
          if (errors?.[0]) {
            subscriber.error(new ApiError(errors[0], 200));
          } else if (data) {
            subscriber.next(data);
          }
        },
        error: fault => {
          subscriber.error(
            Array.isArray(fault) ? new ApiError((fault as GraphQLFault[])[0], 200) : awayError(),
          );
        },
        complete: () => subscriber.complete?.(),
      },
    );
  }

  /** Closes the websocket; a later subscription opens another. */
  close(): void {
    void this.websocket?.dispose();
    this.websocket = null;
  }
}

interface Answer<Result> {
  data?: Result | null;
  errors?: GraphQLFault[];
}
