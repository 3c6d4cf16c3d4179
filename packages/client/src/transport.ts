/** @file One request: credentials, time limit, retries, and errors with a code. */
import type { TypedDocument } from "./typed-document.js";
import { clientCodes, type GraphQLFault, VitrineError } from "./vitrine-error.js";

/**
 * An API key (servers only) or a shopper's token, or what gives one. It is called for each request.
 *
 * @param refused whether the API has just refused the last one: get a fresh one
 */
export type Credentials = string | ((refused: boolean) => string | Promise<string>);

export interface TransportOptions {
  url: string;
  credentials: Credentials;
  fetch: typeof globalThis.fetch;
  timeoutMs: number;
  retries: number;
}

interface Answer {
  data?: unknown;
  errors?: GraphQLFault[];
}

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 10_000;
/** Answers of proxies and of a server that starts or is full: the next try may succeed. */
const transientStatuses: readonly number[] = [408, 429, 502, 503, 504];

export class Transport {
  constructor(private readonly options: TransportOptions) {}

  /** Every operation of this client may be sent twice. @throws VitrineError, or the signal's reason */
  async send<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Result> {
    let refused = false;
    for (let tried = 0; ; tried++) {
      try {
        return (await this.sendOnce(document, variables, refused, signal)) as Result;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof Refusal)) {
          throw error;
        }
        const { cause: fault, retryAfterMs }: Refusal = error;
        const isNewlyRefused: boolean =
          fault.status === 401 && !refused && typeof this.options.credentials === "function";
        if (tried >= this.options.retries || !(isNewlyRefused || isTransient(fault))) {
          throw fault;
        }
        refused = isNewlyRefused;
        await pause(refused ? 0 : (retryAfterMs ?? delayMs(tried)), signal);
      }
    }
  }

  async bearer(refused = false): Promise<string> {
    const { credentials } = this.options;
    return typeof credentials === "string" ? credentials : credentials(refused);
  }

  private async sendOnce(
    query: string,
    variables: unknown,
    refused: boolean,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const { url, fetch, timeoutMs } = this.options;
    const bearer = await this.bearer(refused);
    const timeout = AbortSignal.timeout(timeoutMs);
    let status = 0;
    let retryAfterMs: number | null = null;
    let answer: Answer | null;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(bearer && { authorization: `Bearer ${bearer}` }),
        },
        body: JSON.stringify({ query, variables }),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      ({ status } = response);
      retryAfterMs = retryAfterOf(response);
      answer = (await response.json().catch((error: unknown) => {
        if (timeout.aborted || signal?.aborted) {
          throw error;
        }
        return null; // a proxy's page
      })) as Answer | null;
    } catch {
      const code = timeout.aborted ? clientCodes.timeout : clientCodes.unreachable;
      throw new Refusal(new VitrineError(code, `${url} did not answer`));
    }
    const fault = answer?.errors?.[0];
    if (fault) {
      throw new Refusal(VitrineError.of(fault, status), retryAfterMs);
    }
    if (!answer?.data) {
      const message = `${url} answered with status ${status} and no data`;
      throw new Refusal(new VitrineError(clientCodes.unreachable, message, status), retryAfterMs);
    }
    return answer.data;
  }
}

/** A failure that may be tried again. */
class Refusal extends Error {
  constructor(
    override readonly cause: VitrineError,
    readonly retryAfterMs: number | null = null,
  ) {
    super(cause.message);
  }
}

function isTransient({ code, status }: VitrineError): boolean {
  return code === clientCodes.timeout || status === 0 || transientStatuses.includes(status);
}

/** `Retry-After` in seconds or as a date; null without one. */
function retryAfterOf({ headers }: Response): number | null {
  const text = headers.get("retry-after");
  if (text === null) {
    return null;
  }
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), MAX_DELAY_MS);
}

/** Doubled for each try, and shorter by up to half at random, so that many pages do not come back at once. */
export function delayMs(tried: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** tried, MAX_DELAY_MS) * (1 - Math.random() / 2);
}

/** @throws the signal's reason */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
