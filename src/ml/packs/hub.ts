/**
 * @file A hub of model files, spoken to as one speaks to Hugging Face's:
 * `<base>/<owner>/<name>/resolve/<revision>/<file>`.
 *
 * The hub answers `HEAD` with what the file is: `x-repo-commit`, the commit that the revision stands for; for large files
 * `x-linked-etag` and `x-linked-size`, their SHA-256 and size; for small ones `etag`, their Git blob id. Large files then
 * come, after a redirect, from another host, whose own `etag` is something else.
 */
import pRetry from "p-retry";
import { type Dispatcher, EnvHttpProxyAgent } from "undici";
import { AppError } from "../../errors/app-error.js";

export interface HubOptions {
  /** Without a slash at the end. */
  baseUrl: string;
  /** Sent to the hub itself, never to where it redirects. Default: none. */
  token?: string | null;
  /** Further attempts after a fault that may pass, of which those that brought bytes do not count. Default: 4. */
  numRetries?: number;
  /** Before the first further attempt, twice that before the next. Default: 1,000. */
  retryDelayMs?: number;
  /** Longest silence of a connection. Default: 60,000. */
  idleTimeoutMs?: number;
}

/** What a file must hash to. `gitSha1` is of Git's blob: `blob <size>\0`, then the bytes. */
export interface Checksum {
  algorithm: "sha256" | "gitSha1";
  /** Hexadecimal. */
  digest: string;
}

/** A file as the hub describes it. */
export interface HubFile {
  /** Of the commit, where the hub names one, so that it cannot change any more. */
  url: string;
  commit: string | null;
  sizeBytes: number | null;
  /** Null where the server is no hub and its `etag` may be anything. */
  checksum: Checksum | null;
  /** The same for the same bytes only; null when the server tells nothing to know them by. */
  identity: string | null;
}

export interface HubAnswer {
  status: number;
  headers: Dispatcher.ResponseData["headers"];
  body: Dispatcher.ResponseData["body"];
}

/** Worth another attempt. */
export class TransientFault extends Error {
  constructor(
    message: string,
    /** Whether bytes came before the fault. */
    readonly madeProgress = false,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const TRANSIENT = new Set([408, 425, 429]);
/** Why a hub refuses, in its own codes. */
const REFUSALS: Readonly<Record<number, string>> = {
  401: "HTTP 401: there is no such repository, or it needs a token (VITRINE_HUB_TOKEN)",
  403: "HTTP 403: the licence may have to be accepted on the hub, or a token is needed (VITRINE_HUB_TOKEN)",
  404: "HTTP 404: the repository has no such file at this revision",
};

export class Hub {
  private readonly agent: Dispatcher;
  private readonly options: Required<HubOptions>;

  constructor(options: HubOptions) {
    this.options = {
      token: null,
      numRetries: 4,
      retryDelayMs: 1_000,
      idleTimeoutMs: 60_000,
      ...options,
    };
    const { idleTimeoutMs } = this.options;
    // Proxies come from HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as everywhere.
    this.agent = new EnvHttpProxyAgent({
      connectTimeout: idleTimeoutMs,
      headersTimeout: idleTimeoutMs,
      bodyTimeout: idleTimeoutMs,
    });
  }

  /** @throws AppError `MODEL_DOWNLOAD_FAILED`; the signal's reason when aborted. */
  async find(
    { repository, revision, file }: { repository: string; revision: string; file: string },
    signal?: AbortSignal,
  ): Promise<HubFile> {
    const url = this.url(repository, revision, file);
    return this.retrying(url, signal, async () => {
      const { body, headers, status } = await this.request(url, { method: "HEAD", signal });
      await body.dump();
      if (status !== 200 && !REDIRECTS.has(status)) {
        throw this.refusal(url, status);
      }
      const commit = textOf(headers["x-repo-commit"]);
      const linked = textOf(headers["x-linked-etag"]);
      const etag = plainEtag(linked ?? textOf(headers.etag));
      const size = textOf(headers["x-linked-size"]) ?? textOf(headers["content-length"]);
      const isHub = commit !== null || linked !== null;
      const checksum = isHub && etag !== null ? checksumOf(etag) : null;
      // A weak one is the same for bytes that mean the same (RFC 9110, 8.8.1), unless it is a checksum.
      const isWeak = linked === null && (textOf(headers.etag) ?? "").startsWith("W/");
      return {
        url: commit ? this.url(repository, commit, file) : url,
        commit,
        sizeBytes: size === null ? null : Number(size),
        checksum,
        identity: isWeak && checksum === null ? null : etag,
      };
    });
  }

  /**
   * A request, its redirects followed. Of a `HEAD`, a redirect that already tells what the file is ends it: the hosts of
   * large files answer `GET` only.
   *
   * @throws TransientFault, AppError `MODEL_DOWNLOAD_FAILED`; the signal's reason when aborted.
   */
  async request(
    url: string,
    {
      headers = {},
      method,
      signal,
    }: { method: "HEAD" | "GET"; headers?: Record<string, string>; signal?: AbortSignal },
  ): Promise<HubAnswer> {
    const told: Record<string, string | string[] | undefined> = {};
    let target = new URL(url);
    for (let numRedirects = 0; ; numRedirects++) {
      const answer = await this.requestOnce(target, { headers, method, signal });
      for (const [name, value] of Object.entries(answer.headers)) {
        if (name.startsWith("x-")) {
          told[name] ??= value; // the hub's own, not those of the host it redirects to
        }
      }
      const { statusCode: status, body } = answer;
      const isTold = "x-linked-etag" in told && "x-linked-size" in told;
      if (!REDIRECTS.has(status) || (method === "HEAD" && isTold)) {
        return { status, headers: { ...answer.headers, ...told }, body };
      }
      await body.dump();
      const location = textOf(answer.headers.location);
      if (location === null || numRedirects === MAX_REDIRECTS) {
        const reason = location ? `more than ${MAX_REDIRECTS} redirects` : "a redirect to nowhere";
        throw new AppError("MODEL_DOWNLOAD_FAILED", { url, reason });
      }
      target = new URL(location, target);
    }
  }

  /** @throws what `attempt` does, after the last try; a `TransientFault` as AppError `MODEL_DOWNLOAD_FAILED`. */
  async retrying<T>(
    url: string,
    signal: AbortSignal | undefined,
    attempt: () => Promise<T>,
  ): Promise<T> {
    try {
      return await pRetry(attempt, {
        retries: this.options.numRetries,
        minTimeout: this.options.retryDelayMs,
        signal,
        shouldRetry: ({ error }) => error instanceof TransientFault,
        shouldConsumeRetry: ({ error }) => !(error instanceof TransientFault && error.madeProgress),
      });
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof TransientFault) {
        const { message: reason } = error;
        throw new AppError("MODEL_DOWNLOAD_FAILED", { url, reason }, { cause: error });
      }
      throw error;
    }
  }

  /** What a status other than those of success means. */
  refusal(url: string, status: number): Error {
    return status >= 500 || TRANSIENT.has(status)
      ? new TransientFault(`HTTP ${status}`)
      : new AppError("MODEL_DOWNLOAD_FAILED", {
          url,
          reason: REFUSALS[status] ?? `HTTP ${status}`,
        });
  }

  /** Ends the connections. */
  close(): Promise<void> {
    return this.agent.close();
  }

  private url(repository: string, revision: string, file: string): string {
    const path = [...file.split("/")].map(encodeURIComponent).join("/");
    return `${this.options.baseUrl}/${repository}/resolve/${encodeURIComponent(revision)}/${path}`;
  }

  private async requestOnce(
    target: URL,
    {
      headers,
      method,
      signal,
    }: { method: "HEAD" | "GET"; headers: Record<string, string>; signal?: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const { baseUrl, token } = this.options;
    const isHub = target.origin === new URL(baseUrl).origin;
    try {
      return await this.agent.request({
        origin: target.origin,
        path: `${target.pathname}${target.search}`,
        method,
        headers: {
          ...headers,
          "accept-encoding": "identity",
          "user-agent": "vitrine",
          ...(token && isHub ? { authorization: `Bearer ${token}` } : {}),
        },
        signal,
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new TransientFault(faultOf(error), false, { cause: error });
    }
  }
}

/** What undici or Node threw, in words. */
export function faultOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? `${message} (${code})` : message;
}

/** The value of a header that must come once. */
export function textOf(value: string | string[] | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function plainEtag(etag: string | null): string | null {
  return etag?.replace(/^W\//, "").replaceAll('"', "") ?? null;
}

function checksumOf(etag: string): Checksum | null {
  if (/^[0-9a-f]{64}$/.test(etag)) {
    return { algorithm: "sha256", digest: etag };
  }
  return /^[0-9a-f]{40}$/.test(etag) ? { algorithm: "gitSha1", digest: etag } : null;
}
