/**
 * @file A client for hubs of model files with Hugging Face's URLs: `<base>/<owner>/<name>/resolve/<revision>/<file>`.
 *
 * The hub describes a file in its answer to `HEAD`: `x-repo-commit`, the revision's commit; for large files
 * `x-linked-etag` and `x-linked-size`, their SHA-256 and size; for small ones `etag`, their Git blob id. Large files
 * then redirect to another host, whose `etag` is unrelated.
 */
import { type Dispatcher, EnvHttpProxyAgent } from "undici";
import { AppError } from "../../errors/app-error.js";
import {
  addressOf,
  faultOf,
  followRedirects,
  isRedirect,
  isTransientStatus,
  textOf,
  TransientFault,
  withRetries,
} from "../http/http-retries.js";

export interface HubOptions {
  /** Without a trailing slash. */
  baseUrl: string;
  /** Sent only to the hub, never to redirect targets. Default: none. */
  token?: string | null;
  /** Retries after a transient fault; attempts that received bytes do not count. Default: 4. */
  numRetries?: number;
  /** Delay before the first retry, doubled for each further one. Default: 1,000. */
  retryDelayMs?: number;
  /** Longest silence of a connection. Default: 60,000. */
  idleTimeoutMs?: number;
}

/** Expected hash of a file. `gitSha1` is of Git's blob: `blob <size>\0`, then the bytes. */
export interface Checksum {
  algorithm: "sha256" | "gitSha1";
  /** Hexadecimal. */
  digest: string;
}

/** A file as the hub describes it. */
export interface HubFile {
  /** Pinned to the commit, where the hub names one. */
  url: string;
  commit: string | null;
  sizeBytes: number | null;
  /** Null where the server is no hub, so its `etag` may be anything. */
  checksum: Checksum | null;
  /** Equal only for equal bytes; null when the server gives no identity. */
  identity: string | null;
}

export interface HubAnswer {
  status: number;
  headers: Dispatcher.ResponseData["headers"];
  body: Dispatcher.ResponseData["body"];
}

const MAX_REDIRECTS = 5;
/** Messages for a hub's status codes. */
const REFUSALS: Readonly<Record<number, string>> = {
  401: "HTTP 401: there is no such repository, or it needs a token (VITRINE_HUB_TOKEN)",
  403: "HTTP 403: accept the licence on the hub, or set a token (VITRINE_HUB_TOKEN)",
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
    // Proxies come from HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
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
      if (status !== 200 && !isRedirect(status)) {
        throw this.refusal(url, status);
      }
      const commit = textOf(headers["x-repo-commit"]);
      const linked = textOf(headers["x-linked-etag"]);
      const etag = plainEtag(linked ?? textOf(headers.etag));
      const size = textOf(headers["x-linked-size"]) ?? textOf(headers["content-length"]);
      const isHub = commit !== null || linked !== null;
      const checksum = isHub && etag !== null ? checksumOf(etag) : null;
      // A weak etag only marks equivalent bytes (RFC 9110, 8.8.1), unless it is a checksum.
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
   * Sends a request and follows redirects. A `HEAD` stops at a redirect that describes the file: the hosts of large
   * files answer `GET` only.
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
    const send = async (target: URL) => {
      const answer = await this.requestOnce(target, { headers, method, signal });
      for (const [name, value] of Object.entries(answer.headers)) {
        if (name.startsWith("x-")) {
          told[name] ??= value; // the hub's headers, not those of redirect targets
        }
      }
      return answer;
    };
    const answer = await followRedirects(new URL(url), send, {
      maxRedirects: MAX_REDIRECTS,
      failed: downloadFailed(url),
      isFinal: () => method === "HEAD" && "x-linked-etag" in told && "x-linked-size" in told,
    });
    const { body, headers: own, statusCode: status } = answer;
    return { status, headers: { ...own, ...told }, body };
  }

  /** @throws what the last attempt throws; a `TransientFault` as AppError `MODEL_DOWNLOAD_FAILED`. */
  async retrying<T>(
    url: string,
    signal: AbortSignal | undefined,
    attempt: () => Promise<T>,
  ): Promise<T> {
    return withRetries(attempt, { ...this.options, signal, failed: downloadFailed(url) });
  }

  /** The error for an unsuccessful status. */
  refusal(url: string, status: number): Error {
    return isTransientStatus(status)
      ? new TransientFault(`HTTP ${status}`)
      : downloadFailed(url)(REFUSALS[status] ?? `HTTP ${status}`);
  }

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
        ...addressOf(target),
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

function downloadFailed(url: string): (reason: string, cause?: unknown) => AppError {
  return (reason, cause) => new AppError("MODEL_DOWNLOAD_FAILED", { url, reason }, { cause });
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
