/** @file HTTP requests with retries and redirects: for catalogue images, model packs and remote generators. */
import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import { type Dispatcher } from "undici";

/** A fault that merits a retry. */
export class TransientFault extends Error {
  /** The least wait before another attempt that the server asks for. */
  readonly retryAfterMs: number;

  constructor(
    message: string,
    /** Whether bytes arrived before the fault. */
    readonly madeProgress = false,
    options: ErrorOptions & { retryAfterMs?: number } = {},
  ) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

export interface RetryOptions {
  /** Retries after a transient fault; attempts that received bytes do not count. */
  numRetries: number;
  /** Delay before the first retry, in ms, doubled for each further one. */
  retryDelayMs: number;
  signal?: AbortSignal;
  /** The error after the last transient fault. */
  failed: (reason: string, cause: unknown) => Error;
}

export interface RedirectOptions {
  maxRedirects: number;
  /** The error of a chain of redirects that does not end. */
  failed: (reason: string) => Error;
  /** Whether an answer is taken although it redirects. Default: never. */
  isFinal?: () => boolean;
  /** The checked target of a redirect. Default: its URL. */
  targetOf?: (location: string, from: URL) => URL;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const TRANSIENT = new Set([408, 425, 429]);

/** @throws what the last attempt throws; `failed` for a `TransientFault`; the signal's reason when aborted. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  { failed, numRetries, retryDelayMs, signal }: RetryOptions,
): Promise<T> {
  try {
    return await pRetry(attempt, {
      retries: numRetries,
      minTimeout: retryDelayMs,
      signal,
      onFailedAttempt: async ({ error, retriesLeft }) => {
        if (error instanceof TransientFault && error.retryAfterMs > 0 && retriesLeft > 0) {
          await sleep(error.retryAfterMs, undefined, { signal });
        }
      },
      shouldRetry: ({ error }) => error instanceof TransientFault,
      shouldConsumeRetry: ({ error }) => !(error instanceof TransientFault && error.madeProgress),
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof TransientFault ? failed(error.message, error) : error;
  }
}

/** The answer at the end of the redirects that begin at `url`. The caller reads or dumps its body. */
export async function followRedirects(
  url: URL,
  send: (target: URL) => Promise<Dispatcher.ResponseData>,
  options: RedirectOptions,
): Promise<Dispatcher.ResponseData> {
  const { failed, isFinal, maxRedirects, targetOf } = options;
  let target = url;
  for (let numRedirects = 0; ; numRedirects++) {
    const answer = await send(target);
    if (!isRedirect(answer.statusCode) || isFinal?.()) {
      return answer;
    }
    await answer.body.dump();
    const location = textOf(answer.headers.location);
    if (location === null || numRedirects === maxRedirects) {
      throw failed(
        location ? `more than ${maxRedirects} redirects` : "a redirect without a target",
      );
    }
    target = targetOf ? targetOf(location, target) : new URL(location, target);
  }
}

/** Where undici sends a request for `target`. */
export function addressOf(target: URL): { origin: string; path: string } {
  return { origin: target.origin, path: `${target.pathname}${target.search}` };
}

export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/** Whether another attempt may succeed. */
export function isTransientStatus(status: number): boolean {
  return status >= 500 || TRANSIENT.has(status);
}

/** The bytes of a body. @param tooLarge The error once more than `maxBytes` have arrived. */
export async function readBody(
  body: AsyncIterable<Buffer>,
  maxBytes: number,
  tooLarge: (got: number) => Error,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let got = 0;
  for await (const chunk of body) {
    got += chunk.length;
    if (got > maxBytes) {
      throw tooLarge(got);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Drops an answer that nobody reads, and its connection. */
export function discardBody({ body }: Pick<Dispatcher.ResponseData, "body">): void {
  body.on("error", () => undefined).destroy();
}

/** The message of an error from undici or Node. */
export function faultOf(error: unknown): string {
  const { code, message, name } = error as NodeJS.ErrnoException;
  if (name === "TimeoutError") {
    return "it timed out";
  }
  return typeof code === "string" ? `${message} (${code})` : message;
}

/** The value of a header that must occur once. */
export function textOf(value: string | string[] | undefined): string | null {
  return typeof value === "string" ? value : null;
}
