/**
 * @file Requests to the generator's server: one origin gets the key, redirects are refused, and time and size are limited.
 */
import { type Dispatcher, EnvHttpProxyAgent } from "undici";
import { AppError } from "../../errors/app-error.js";
import {
  addressOf,
  discardBody,
  faultOf,
  isRedirect,
  isTransientStatus,
  readBody,
  textOf,
  TransientFault,
  withRetries,
} from "../http/http-retries.js";

export interface RemoteHttpOptions {
  /** Paths are appended; without a trailing slash. */
  baseUrl: string;
  /** Sent as a bearer token to the origin of `baseUrl` only. Null: none. */
  key: string | null;
  /** Limit of one attempt, its answer included. Default: 120,000. */
  timeoutMs?: number;
  /** Limit of one answer. Default: 48 MiB. */
  maxBytes?: number;
  /** Retries after a temporary fault. Default: 3. */
  numRetries?: number;
  /** Delay before the first retry, doubled for each further one; `Retry-After` may lengthen it. Default: 1,000. */
  retryDelayMs?: number;
}

export interface RemoteRequest {
  method: "GET" | "POST";
  url: URL;
  headers?: Record<string, string>;
  body?: Uint8Array;
  signal?: AbortSignal;
}

export interface RemoteAnswer {
  status: number;
  headers: Dispatcher.ResponseData["headers"];
  bytes: Buffer;
}

const CONFLICT = 409;
const TOO_MANY = 429;
/** A longer `Retry-After` is a refusal: a job waits. */
const MAX_RETRY_AFTER_MS = 60_000;
/** Characters of a server's own words in an error. */
const MAX_REASON = 200;

export class RemoteHttp {
  readonly options: Required<RemoteHttpOptions>;
  private readonly base: URL;
  private readonly agent: Dispatcher;

  constructor(options: RemoteHttpOptions) {
    this.options = {
      timeoutMs: 120_000,
      maxBytes: 48 * 2 ** 20,
      numRetries: 3,
      retryDelayMs: 1_000,
      ...options,
    };
    const { baseUrl, timeoutMs } = this.options;
    this.base = new URL(baseUrl);
    // Proxies come from HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
    const timeouts = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
    this.agent = new EnvHttpProxyAgent({ connectTimeout: timeoutMs, ...timeouts });
  }

  urlOf(path: string): URL {
    return new URL(`${this.options.baseUrl}${path}`);
  }

  isOwn(url: URL): boolean {
    return url.origin === this.base.origin;
  }

  /**
   * {@link sendOnce} with retries.
   *
   * @throws AppError `GENERATOR_FAILED`; the signal's reason when aborted.
   */
  send(request: RemoteRequest): Promise<RemoteAnswer> {
    return this.retrying(() => this.sendOnce(request), request.signal);
  }

  /** Repeats an attempt after a `TransientFault`. @throws as {@link send}. */
  retrying<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { numRetries, retryDelayMs } = this.options;
    return withRetries(attempt, {
      numRetries,
      retryDelayMs,
      signal,
      failed: (reason, cause) => this.failed(reason, cause),
    });
  }

  /**
   * One attempt. Answers of 4xx are returned, unless another attempt may succeed.
   *
   * @throws TransientFault; AppError `GENERATOR_FAILED` for a redirect or an answer over the limit; the signal's reason when
   *   aborted.
   */
  async sendOnce(request: RemoteRequest): Promise<RemoteAnswer> {
    const { maxBytes, timeoutMs } = this.options;
    const own = AbortSignal.timeout(timeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, own]) : own;
    const answer = await this.started(request, signal);
    const { headers, statusCode: status } = answer;
    if (isRedirect(status)) {
      discardBody(answer);
      throw this.failed(`HTTP ${status}: it redirects, and redirects are not followed`);
    }
    if (Number(textOf(headers["content-length"])) > maxBytes) {
      discardBody(answer);
      throw this.tooLarge();
    }
    const bytes = await readBody(answer.body, maxBytes, () => this.tooLarge()).catch(
      (error: unknown) => {
        discardBody(answer);
        throw this.faultIn(error, request.signal);
      },
    );
    if (isWorthAnotherTry(status, headers, bytes)) {
      const told = this.told(bytes);
      throw new TransientFault(`HTTP ${status}${told && `: ${told}`}`, false, {
        retryAfterMs: retryAfterOf(headers),
      });
    }
    return { status, headers, bytes };
  }

  /**
   * The bytes of an image that an answer names: of a data URL, or from the server itself or another one by HTTPS, which does
   * not get the key.
   *
   * @throws AppError `GENERATOR_FAILED`; the signal's reason when aborted.
   */
  async imageAt(address: string, signal?: AbortSignal): Promise<Uint8Array> {
    const inline = /^data:image\/[a-z0-9.+-]+;base64,/i.exec(address);
    if (inline) {
      return Buffer.from(address.slice(inline[0].length), "base64");
    }
    const url = URL.canParse(address, this.options.baseUrl)
      ? new URL(address, this.options.baseUrl)
      : null;
    if (!url || !(this.isOwn(url) || url.protocol === "https:")) {
      throw this.failed("its image is at an address that is neither its own nor HTTPS");
    }
    const { bytes, status } = await this.send({ method: "GET", url, signal });
    if (status !== 200) {
      throw this.failed(`HTTP ${status} for its image`);
    }
    return bytes;
  }

  /** @throws AppError `GENERATOR_FAILED` unless the answer is successful and JSON. */
  json({ bytes, status }: RemoteAnswer): unknown {
    if (status < 200 || status > 299) {
      const told = this.told(bytes);
      throw this.failed(`HTTP ${status}${told && `: ${told}`}`);
    }
    try {
      return JSON.parse(bytes.toString("utf8")) as unknown;
    } catch (error) {
      throw this.failed("its answer is not JSON", error);
    }
  }

  /** The error of this server. The key never is in it. */
  failed(reason: string, cause?: unknown): AppError {
    return new AppError(
      "GENERATOR_FAILED",
      { host: this.base.host, reason: this.safe(reason) },
      { cause },
    );
  }

  close(): Promise<void> {
    return this.agent.destroy();
  }

  private async started(
    { body, headers, method, url }: RemoteRequest,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const { key } = this.options;
    try {
      return await this.agent.request({
        ...addressOf(url),
        method,
        headers: {
          ...headers,
          "accept-encoding": "identity",
          "user-agent": "vitrine",
          ...(key !== null && this.isOwn(url) ? { authorization: `Bearer ${key}` } : {}),
        },
        body: body && Buffer.from(body.buffer, body.byteOffset, body.byteLength),
        signal,
      });
    } catch (error) {
      throw this.faultIn(error, signal);
    }
  }

  /** What an interrupted attempt throws. */
  private faultIn(error: unknown, signal: AbortSignal | undefined): unknown {
    const isTimeout = (signal?.reason as Error | undefined)?.name === "TimeoutError";
    if (error instanceof AppError || (signal?.aborted && !isTimeout)) {
      return error instanceof AppError ? error : signal!.reason;
    }
    return new TransientFault(this.safe(faultOf(error)), false, { cause: error });
  }

  private tooLarge(): AppError {
    return this.failed(`its answer has more than ${this.options.maxBytes} bytes`);
  }

  /** The server's own words in an answer of an error; empty where it says nothing. */
  private told(bytes: Buffer): string {
    return this.safe(wordsOf(bytes));
  }

  private safe(reason: string): string {
    const { key } = this.options;
    const line = reason.replace(/[\s\x00-\x1f\x7f]+/g, " ").trim();
    return (key ? line.replaceAll(key, "***") : line).slice(0, MAX_REASON);
  }
}

function isWorthAnotherTry(
  status: number,
  headers: RemoteAnswer["headers"],
  bytes: Buffer,
): boolean {
  if (textOf(headers["x-should-retry"]) === "false") {
    return false;
  }
  const hasNoMoney = status === TOO_MANY && bytes.includes("insufficient_quota");
  const waitsTooLong = (retryAfterOf(headers) ?? 0) > MAX_RETRY_AFTER_MS;
  // A Cog server that is busy answers 409.
  return (isTransientStatus(status) || status === CONFLICT) && !hasNoMoney && !waitsTooLong;
}

/** RFC 9110, 10.2.3: seconds, or a date. Undefined without the header. */
function retryAfterOf(headers: RemoteAnswer["headers"]): number | undefined {
  const value = textOf(headers["retry-after"]);
  if (value === null) {
    return undefined;
  }
  const ms = /^\d+$/.test(value) ? 1_000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** `error`, `error.message`, `detail` or `title` of a JSON body, as OpenAI, Cog, Replicate and FastAPI say it. */
function wordsOf(bytes: Buffer): string {
  try {
    const { detail, error, title } = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
    const said = (error as { message?: unknown } | undefined)?.message ?? error ?? detail ?? title;
    return typeof said === "string" ? said : said === undefined ? "" : JSON.stringify(said);
  } catch {
    return "";
  }
}
