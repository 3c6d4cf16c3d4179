/**
 * @file A hub of model files on 127.0.0.1 that answers like Hugging Face's: large files (`.onnx`) redirect to another
 * path with its own etag that answers no HEAD, small ones come directly with their Git blob id.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface Seen {
  method: string;
  path: string;
  status: number;
  range: string | undefined;
  authorization: string | undefined;
  /** Of the body. */
  sentBytes: number;
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const gitSha1 = (bytes: Buffer) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

export class HubServer {
  /** `owner/name/path` to content. */
  readonly files = new Map<string, Buffer>();
  readonly seen: Seen[] = [];
  /** The branches' present commit. */
  commit = "1".repeat(40);
  /** Called after each request is recorded. */
  onRequest: () => void = () => undefined;
  /** The redirect target ignores ranges and sends the whole. */
  ignoresRange = false;
  /** A web server that is not a hub: no commit, no checksum, its own `etag`. */
  isPlain = false;
  /** Part of the etags at the redirect target. */
  cdnEdition = "a";
  /** Answers with this status, by `owner/name/path`. */
  readonly failing = new Map<string, number>();
  /** Claimed size of a large file, by `owner/name/path`. */
  readonly claimedSizes = new Map<string, number>();
  /** Corrupts the bytes sent, by `owner/name/path`. */
  readonly damaging = new Set<string>();
  /** Breaks the connection after this many bytes of the body, once per entry, by `owner/name/path`. */
  readonly cuts = new Map<string, number[]>();
  /** Sends this many bytes of the body and then stalls, by `owner/name/path`. */
  readonly stalls = new Map<string, number>();
  /** Bodies are sent after this. */
  release: Promise<void> = Promise.resolve();

  private readonly server = createServer((request, response) => {
    this.answer(request, response).catch((error: unknown) => {
      response.destroy(error as Error);
    });
  });

  static async start(): Promise<HubServer> {
    const hub = new HubServer();
    await new Promise<void>(resolve => hub.server.listen(0, "127.0.0.1", resolve));
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The files of a folder as a repository. */
  addRepository(name: string, folder: string): void {
    for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (statSync(join(folder, path)).isFile()) {
        this.files.set(`${name}/${path}`, readFileSync(join(folder, path)));
      }
    }
  }

  /** Bytes sent of a file since the last call of `forget`. */
  sentBytes(key: string): number {
    return this.seen
      .filter(({ path }) => path === key)
      .reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  }

  /** The requests for a file's bytes. */
  gets(key: string): Seen[] {
    return this.seen.filter(
      ({ method, path, status }) => path === key && method === "GET" && status < 300,
    );
  }

  forget(): void {
    this.seen.length = 0;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise(resolve => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = decodeURIComponent(request.url!);
    const [, owner, name, revision, file] =
      /^\/(?:cdn\/)?([^/]+)\/([^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url)!;
    const commit = revision.length === 40 ? revision : this.commit;
    const key = `${owner}/${name}/${file}`;
    const isCdn = url.startsWith("/cdn/");
    const bytes = this.files.get(key);
    const entry: Seen = {
      method: request.method!,
      path: key,
      status: 200,
      range: request.headers.range,
      authorization: request.headers.authorization,
      sentBytes: 0,
    };
    this.seen.push(entry);
    this.onRequest();
    const end = (status: number, headers: Record<string, string | number> = {}) => {
      entry.status = status;
      response.writeHead(status, headers).end();
    };
    const status = bytes ? this.failing.get(key) : 404;
    if (!bytes || status) {
      end(status ?? 404);
      return;
    }
    const isLarge = file.endsWith(".onnx") && !this.isPlain;
    if (isLarge && !isCdn) {
      end(302, {
        location: `/cdn${request.url}`,
        "x-repo-commit": commit,
        "x-linked-etag": `"${sha256(bytes)}"`,
        "x-linked-size": this.claimedSizes.get(key) ?? bytes.length,
        etag: `"redirect"`,
      });
      return;
    }
    if (isCdn && request.method === "HEAD") {
      end(403);
      return;
    }
    const own = this.isPlain ? `"${bytes.length}-plain"` : `"${gitSha1(bytes)}"`;
    const etag = isCdn ? `"${this.cdnEdition}-${sha256(bytes).slice(0, 8)}"` : own;
    const headers = {
      etag,
      "accept-ranges": "bytes",
      ...(this.isPlain ? {} : { "x-repo-commit": commit }),
    };
    await this.send(request, response, { bytes, entry, headers, key });
  }

  private async send(
    request: IncomingMessage,
    response: ServerResponse,
    {
      bytes,
      entry,
      headers,
      key,
    }: { bytes: Buffer; entry: Seen; headers: Record<string, string>; key: string },
  ): Promise<void> {
    const ifRange = request.headers["if-range"];
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const isRange =
      start > 0 && !this.ignoresRange && (ifRange === undefined || ifRange === headers.etag);
    const body = Buffer.from(isRange ? bytes.subarray(start) : bytes);
    if (this.damaging.has(key)) {
      body[body.length - 1] ^= 1;
    }
    entry.status = isRange ? 206 : 200;
    response.writeHead(entry.status, {
      ...headers,
      "content-length": body.length,
      ...(isRange && { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    await this.release;
    const stall = this.stalls.get(key);
    const cut = stall ?? this.cuts.get(key)?.shift();
    const sent = cut === undefined ? body : body.subarray(0, cut);
    entry.sentBytes = sent.length;
    await new Promise<void>(resolve => {
      response.write(sent, () => {
        resolve();
      });
    });
    if (cut === undefined) {
      response.end();
    } else if (stall === undefined) {
      setTimeout(() => response.destroy(), 100); // what was sent arrives first
    }
  }
}
