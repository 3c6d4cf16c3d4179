/**
 * @file Fetches catalogue images by URL without giving access to the server's own network (SSRF).
 *
 * Catalogues are untrusted. So every connection, including redirects, is checked when it is made: it connects only to
 * the addresses that its name resolved to, and all must be public (DNS rebinding cannot pass). Size, time and type are
 * limited.
 */
import { lookup as resolveName, type LookupAddress } from "node:dns";
import ipaddr from "ipaddr.js";
import { Agent, buildConnector, type Dispatcher } from "undici";
import { defaultImageLimits } from "../../db/image-codec.js";
import { AppError } from "../../errors/app-error.js";
import {
  addressOf,
  discardBody,
  faultOf,
  followRedirects,
  isTransientStatus,
  readBody,
  TransientFault,
  withRetries,
} from "../../ml/http/http-retries.js";

export interface RemoteImageOptions {
  /** Refuse every fetch; default false. */
  isOffline?: boolean;
  /** Allow private addresses, for tests and shops whose images are on their own network; default false. */
  allowPrivate?: boolean;
  /** Default 20 MiB. */
  maxBytes?: number;
  /** Per attempt, from the first byte sent to the last received; default 20,000. */
  timeoutMs?: number;
  /** Retries after a 5xx or 429 answer, a broken connection or a timeout; default 2. */
  numRetries?: number;
  /** Delay before the first retry, doubled for each further one; default 500. */
  retryDelayMs?: number;
}

const MAX_REDIRECTS = 3;
/** Characters of a URL in a message; a `data:` URL holds a whole file. */
const MAX_SHOWN = 200;
/** Idle connections are reused for the next image of the same shop, but must not delay the process's exit. */
const KEEP_ALIVE_MS = 1_000;
/** Global unicast; all other IPv6 ranges are special. */
const GLOBAL_IPV6 = ipaddr.parseCIDR("2000::/3");
/** Public addresses of cloud-internal services: Azure's. */
const CLOUD_SERVICES = new Set(["168.63.129.16"]);

/** Whether an IPv4 or IPv6 address is on the public internet. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) {
    return false;
  }
  const parsed = ipaddr.process(address); // an IPv4-mapped IPv6 address counts as the IPv4 address
  if (parsed.range() !== "unicast" || CLOUD_SERVICES.has(parsed.toString())) {
    return false;
  }
  return parsed.kind() === "ipv4" || parsed.match(GLOBAL_IPV6);
}

export class RemoteImages {
  private readonly agent: Agent;
  private readonly options: Required<RemoteImageOptions>;

  constructor(options: RemoteImageOptions = {}) {
    this.options = {
      isOffline: false,
      allowPrivate: false,
      maxBytes: defaultImageLimits.maxBytes,
      timeoutMs: 20_000,
      numRetries: 2,
      retryDelayMs: 500,
      ...options,
    };
    const connect = buildConnector({
      timeout: this.options.timeoutMs,
      ...(this.options.allowPrivate ? {} : { lookup: lookupPublic }),
    });
    this.agent = new Agent({
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: (target, callback) => {
        // An address in the URL itself needs no lookup.
        const host = target.hostname.replace(/^\[|\]$/g, "");
        if (!this.options.allowPrivate && ipaddr.isValid(host) && !isPublicAddress(host)) {
          callback(refused(host, "its address is not public"), null);
        } else {
          connect(target, callback);
        }
      },
    });
  }

  /**
   * The bytes of an image, not validated.
   *
   * @throws AppError `OFFLINE`, `FETCH_REFUSED`, `FETCH_FAILED`, `IMAGE_TOO_LARGE`; the signal's reason when aborted.
   */
  async fetch(url: string, signal: AbortSignal): Promise<Buffer> {
    if (this.options.isOffline) {
      throw new AppError("OFFLINE", { what: `'${url}'` });
    }
    const failed = fetchFailed(url);
    return withRetries(() => this.attempt(url, signal), { ...this.options, signal, failed });
  }

  close(): Promise<void> {
    return this.agent.close();
  }

  private async attempt(url: string, outer: AbortSignal): Promise<Buffer> {
    const signal = AbortSignal.any([outer, AbortSignal.timeout(this.options.timeoutMs)]);
    try {
      const headers = { accept: "image/*", "accept-encoding": "identity", "user-agent": "vitrine" };
      const answer = await followRedirects(
        checkedUrl(url, url),
        target => this.agent.request({ ...addressOf(target), method: "GET", headers, signal }),
        {
          maxRedirects: MAX_REDIRECTS,
          failed: fetchFailed(url),
          targetOf: (location, from) => checkedUrl(location, url, from),
        },
      );
      return await this.body(url, answer);
    } catch (error) {
      if (error instanceof AppError) {
        throw error.code === "FETCH_REFUSED" ? refused(url, String(error.details.reason)) : error;
      }
      throw new TransientFault(faultOf(error), false, { cause: error });
    }
  }

  private async body(url: string, answer: Dispatcher.ResponseData): Promise<Buffer> {
    const { statusCode, headers, body } = answer;
    const { maxBytes: max } = this.options;
    const type = String(headers["content-type"] ?? "image/*").toLowerCase();
    const length = Number(headers["content-length"] ?? 0);
    // File stores often send no type (S3: binary/octet-stream), so the bytes decide. A web page is refused.
    const isPage = /^(text\/html|application\/(xhtml|json|ld\+json))/.test(type);
    if (statusCode !== 200 || isPage || length > max) {
      discardBody(answer);
      if (isTransientStatus(statusCode)) {
        throw new TransientFault(`HTTP ${statusCode}`);
      }
      if (statusCode === 200 && length > max) {
        throw tooLarge(length, max);
      }
      throw fetchFailed(url)(statusCode === 200 ? `it is ${type}` : `HTTP ${statusCode}`);
    }
    return readBody(body, max, got => tooLarge(got, max));
  }
}

type LookupCallback = (
  error: Error | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** Like `dns.lookup`, but a name with any private address does not resolve. */
function lookupPublic(
  hostname: string,
  options: { all?: boolean; family?: number | string },
  callback: LookupCallback,
): void {
  const family = typeof options.family === "number" ? options.family : 0;
  resolveName(hostname, { all: true, family }, (error, addresses) => {
    if (error) {
      callback(error, []);
    } else if (!addresses.every(({ address }) => isPublicAddress(address))) {
      callback(refused(hostname, "its address is not public"), []);
    } else if (options.all) {
      callback(null, addresses);
    } else {
      callback(null, addresses[0].address, addresses[0].family);
    }
  });
}

function checkedUrl(text: string, url: string, base?: URL): URL {
  const target = URL.canParse(text, base?.href) ? new URL(text, base?.href) : null;
  if (target?.protocol !== "http:" && target?.protocol !== "https:") {
    throw refused(url, "it does not lead to an http or https address");
  }
  if (target.username !== "" || target.password !== "") {
    throw refused(url, "it contains a user name or password");
  }
  return target;
}

function refused(url: string, reason: string): AppError {
  const shown = url.length > MAX_SHOWN ? `${url.slice(0, MAX_SHOWN)}…` : url;
  return new AppError("FETCH_REFUSED", { url: shown, reason });
}

function fetchFailed(url: string): (reason: string, cause?: unknown) => AppError {
  return (reason, cause) => new AppError("FETCH_FAILED", { url, reason }, { cause });
}

function tooLarge(got: number, max: number): AppError {
  return new AppError("IMAGE_TOO_LARGE", { got, unit: "bytes", max });
}
