/**
 * @file A file from the hub onto the disk, never in memory, continuing where an earlier attempt was cut off.
 *
 * What came so far is `<path>.part`; `<path>.part.json` tells of which bytes it is the beginning. It is continued (HTTP
 * `Range`) only while the hub still describes the same bytes, and `If-Range` makes a server whose copy changed meanwhile
 * send the whole; a server that knows no ranges sends the whole anyway.
 */
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { faultOf, type Hub, type HubAnswer, type HubFile, textOf, TransientFault } from "./hub.js";
import { sizeOnDisk } from "./pulled-manifest.js";

const stateSchema = z.object({
  /** Of the file as the hub described it. */
  identity: z.string(),
  /** Strong, of the host that the bytes came from; null where it gave none. */
  etag: z.string().nullable(),
});

type PartState = z.infer<typeof stateSchema>;

export interface DownloadHooks {
  /** @param doneBytes On the disk. */
  onBytes?: (doneBytes: number) => void;
  signal?: AbortSignal;
}

/**
 * Fetches the file as `<path>.part`; the caller checks and renames it.
 *
 * @returns the path of the part.
 * @throws AppError `MODEL_DOWNLOAD_FAILED`; the signal's reason when aborted. What came so far stays for the next time.
 */
export async function downloadPart(
  hub: Hub,
  file: HubFile,
  path: string,
  hooks: DownloadHooks = {},
): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await hub.retrying(file.url, hooks.signal, () => attempt(hub, file, path, hooks));
  await rm(stateOf(path), { force: true });
  return partOf(path);
}

/** Of what came so far, in bytes. */
export async function partSize(path: string): Promise<number> {
  return (await sizeOnDisk(partOf(path))) ?? 0;
}

/** Removes what came so far. */
export async function dropPart(path: string): Promise<void> {
  await rm(partOf(path), { force: true });
  await rm(stateOf(path), { force: true });
}

const partOf = (path: string) => `${path}.part`;
const stateOf = (path: string) => `${path}.part.json`;

async function attempt(hub: Hub, file: HubFile, path: string, hooks: DownloadHooks): Promise<void> {
  const { offset, state } = await resumePoint(file, path);
  hooks.onBytes?.(offset);
  if (offset > 0 && offset === file.sizeBytes) {
    return;
  }
  const answer = await hub.request(file.url, {
    method: "GET",
    headers: offset > 0 ? rangeHeaders(offset, state) : {},
    signal: hooks.signal,
  });
  if (answer.status !== 200 && answer.status !== 206) {
    discard(answer);
    if (answer.status !== 416) {
      throw hub.refusal(file.url, answer.status);
    }
    await dropPart(path); // the part is longer than the file
    throw new TransientFault("HTTP 416: the range is not one of the file");
  }
  const isContinued = answer.status === 206 && startOf(answer) === offset;
  if (answer.status === 206 && !isContinued) {
    discard(answer);
    await dropPart(path);
    throw new TransientFault("the server sent another range than the one asked for");
  }
  await save(answer, { file, path, offset: isContinued ? offset : 0, hooks });
}

/** How much of the file is there, if it is the beginning of the same bytes; else nothing, and what is there goes. */
async function resumePoint(
  { identity, sizeBytes }: HubFile,
  path: string,
): Promise<{ offset: number; state: PartState | null }> {
  const state = await readState(path);
  const offset = await partSize(path);
  const isSame = state !== null && identity !== null && state.identity === identity;
  if (!isSame || offset > (sizeBytes ?? Infinity)) {
    await dropPart(path);
    return { offset: 0, state: null };
  }
  return { offset, state };
}

async function readState(path: string): Promise<PartState | null> {
  const text = await readFile(stateOf(path), "utf8").catch(() => "null");
  try {
    return stateSchema.nullable().parse(JSON.parse(text));
  } catch {
    return null; // cut off itself: start anew
  }
}

function rangeHeaders(offset: number, state: PartState | null): Record<string, string> {
  return { range: `bytes=${offset}-`, ...(state?.etag ? { "if-range": state.etag } : {}) };
}

/** The first byte that a `206` brings. */
function startOf({ headers }: HubAnswer): number | null {
  const start = /^bytes (\d+)-/.exec(textOf(headers["content-range"]) ?? "")?.[1];
  return start === undefined ? null : Number(start);
}

/** @throws TransientFault when the connection breaks; AppError `DISK_FULL`. */
async function save(
  { body, headers }: HubAnswer,
  run: { file: HubFile; path: string; offset: number; hooks: DownloadHooks },
): Promise<void> {
  const { file, hooks, offset, path } = run;
  if (offset === 0 && file.identity !== null) {
    const etag = textOf(headers.etag);
    const isStrong = etag !== null && !etag.startsWith("W/");
    const state: PartState = { identity: file.identity, etag: isStrong ? etag : null };
    await writeFile(stateOf(path), JSON.stringify(state));
  }
  let doneBytes = offset;
  const counting = new Transform({
    transform(chunk: Buffer, _, done) {
      doneBytes += chunk.length;
      hooks.onBytes?.(doneBytes);
      done(null, chunk);
    },
  });
  // A server that begins anew every time does not get on, however much it sends.
  const hasAdvanced = () => offset > 0 && doneBytes > offset;
  const disk = createWriteStream(partOf(path), { flags: offset > 0 ? "a" : "w" });
  try {
    await pipeline(body, counting, disk, { signal: hooks.signal });
  } catch (error) {
    await closed(disk); // or a write under way would end after the next attempt has looked
    hooks.signal?.throwIfAborted();
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") {
      throw new AppError("DISK_FULL", { path: dirname(path) }, { cause: error });
    }
    throw new TransientFault(faultOf(error), hasAdvanced(), { cause: error });
  }
  if (file.sizeBytes !== null && doneBytes < file.sizeBytes) {
    const reason = `it ended after ${doneBytes} of ${file.sizeBytes} bytes`;
    throw new TransientFault(reason, hasAdvanced());
  }
}

async function closed(disk: WriteStream): Promise<void> {
  if (!disk.closed) {
    await new Promise<void>(resolve => disk.once("close", resolve));
  }
}

function discard({ body }: HubAnswer): void {
  body.on("error", () => undefined).destroy();
}
