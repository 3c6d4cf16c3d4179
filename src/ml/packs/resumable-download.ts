/**
 * @file Streams a file from the hub to the disk, resuming interrupted downloads.
 *
 * Received bytes are in `<path>.part`; `<path>.part.json` identifies their source. A download resumes (HTTP `Range`)
 * only while the hub describes the same bytes; `If-Range` makes a server whose copy changed send the whole file, as a
 * server without ranges does anyway.
 */
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { discardBody, faultOf, textOf, TransientFault } from "../http/http-retries.js";
import { type Hub, type HubAnswer, type HubFile } from "./hub.js";
import { sizeOnDisk } from "./pulled-manifest.js";

const stateSchema = z.object({
  /** The hub's identity of the file. */
  identity: z.string(),
  /** Strong etag of the host that sent the bytes; null where it gave none. */
  etag: z.string().nullable(),
});

type PartState = z.infer<typeof stateSchema>;

export interface DownloadHooks {
  /** @param doneBytes Bytes on the disk. */
  onBytes?: (doneBytes: number) => void;
  signal?: AbortSignal;
}

/**
 * Downloads the file as `<path>.part`; the caller checks and renames it.
 *
 * @returns the path of the part.
 * @throws AppError `MODEL_DOWNLOAD_FAILED`; the signal's reason when aborted. The part stays for the next attempt.
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

/** Bytes received so far. */
export async function partSize(path: string): Promise<number> {
  return (await sizeOnDisk(partOf(path))) ?? 0;
}

/** Removes the received bytes. */
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
    discardBody(answer);
    if (answer.status !== 416) {
      throw hub.refusal(file.url, answer.status);
    }
    await dropPart(path); // the part is longer than the file
    throw new TransientFault("HTTP 416: the range is outside the file");
  }
  const isContinued = answer.status === 206 && startOf(answer) === offset;
  if (answer.status === 206 && !isContinued) {
    discardBody(answer);
    await dropPart(path);
    throw new TransientFault("the server sent another range than requested");
  }
  await save(answer, { file, path, offset: isContinued ? offset : 0, hooks });
}

/** The number of received bytes if they belong to the same file; otherwise deletes them and returns 0. */
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
    return null; // a truncated record: restart
  }
}

function rangeHeaders(offset: number, state: PartState | null): Record<string, string> {
  return { range: `bytes=${offset}-`, ...(state?.etag ? { "if-range": state.etag } : {}) };
}

/** The first byte of a `206` answer. */
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
  // A server that restarts every time makes no progress, however much it sends.
  const hasAdvanced = () => offset > 0 && doneBytes > offset;
  const disk = createWriteStream(partOf(path), { flags: offset > 0 ? "a" : "w" });
  try {
    await pipeline(body, counting, disk, { signal: hooks.signal });
  } catch (error) {
    await waitForClose(disk); // otherwise a pending write could end after the next attempt has checked the size
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

async function waitForClose(disk: WriteStream): Promise<void> {
  if (!disk.closed) {
    await new Promise<void>(resolve => disk.once("close", resolve));
  }
}
