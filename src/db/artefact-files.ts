/** @file What services keep in an {@link ArtefactStore}: JSON, and the files of a model below one prefix. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { AppError } from "../errors/app-error.js";
import { parseJson } from "../errors/parse-options.js";
import type { ArtefactStore } from "./artefact-store.js";
import { isTransient } from "./environment-fault.js";

type Reader = Pick<ArtefactStore, "get" | "list">;
type Writer = Pick<ArtefactStore, "put">;

const checksumsSchema = z.record(z.string(), z.string());

/** Files by their names, such as `config.json`. */
export type NamedFiles = Readonly<Record<string, Uint8Array>>;

/** What {@link putJson} stored, unchecked; null if there is none. @throws AppError `FILE_MALFORMED` if it is not JSON. */
export async function getJson(store: Pick<Reader, "get">, key: string): Promise<unknown> {
  const bytes = await store.get(key);
  try {
    return bytes && JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    const fault = { path: key, expected: "JSON", reason: String(cause) };
    throw new AppError("FILE_MALFORMED", fault, { cause });
  }
}

export async function putJson(store: Writer, key: string, content: object): Promise<void> {
  await store.put(key, jsonFile(content));
}

/** The bytes that {@link putJson} stores. */
export function jsonFile(content: object): Uint8Array {
  return Buffer.from(`${JSON.stringify(content)}\n`);
}

/** Stores what can be made again, or nothing while the disk is full or cannot be written. */
export async function putCached(store: Writer, key: string, bytes: Uint8Array): Promise<void> {
  try {
    await store.put(key, bytes);
  } catch (error) {
    if (!isTransient(error)) {
      throw error;
    }
  }
}

/** SHA-256 of each other file, 64 hex digits. */
const CHECKSUMS_FILE = "checksums.json";

/**
 * Stores the files in the order given, then their checksums: a reader that finds these finds all. Files whose name has a
 * folder (`held-out/config.json`) are stored first, with checksums of their own.
 */
export async function putFiles(store: Writer, prefix: string, files: NamedFiles): Promise<void> {
  const folders = new Map<string, Record<string, Uint8Array>>();
  const checksums: Record<string, string> = {};
  const own = Object.entries(files).filter(([name, bytes]) => {
    const [folder, ...rest] = name.split("/");
    if (rest.length > 0) {
      folders.set(folder, { ...folders.get(folder), [rest.join("/")]: bytes });
    }
    return rest.length === 0;
  });
  for (const [folder, inner] of folders) {
    await putFiles(store, `${prefix}/${folder}`, inner);
  }
  for (const [name, bytes] of own) {
    await store.put(`${prefix}/${name}`, bytes);
    checksums[name] = sha256(bytes);
  }
  await putJson(store, `${prefix}/${CHECKSUMS_FILE}`, checksums);
}

/** @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED` for a file that is missing, or has other bytes than when it was stored. */
function assertWhole(files: NamedFiles): void {
  if (!Object.hasOwn(files, CHECKSUMS_FILE)) {
    return; // stored by an older release
  }
  const fault = (path: string, reason: string) =>
    new AppError("FILE_MALFORMED", { path, expected: "the file as it was stored", reason });
  const text = Buffer.from(files[CHECKSUMS_FILE]).toString("utf8");
  const checksums = parseJson(text, checksumsSchema, reason => fault(CHECKSUMS_FILE, reason));
  for (const [name, checksum] of Object.entries(checksums)) {
    if (!Object.hasOwn(files, name)) {
      throw new AppError("FILE_NOT_FOUND", { path: name });
    }
    if (sha256(files[name]) !== checksum) {
      throw fault(name, "its checksum is another one");
    }
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * Decodes the files right below `prefix`, once their checksums are found right. A fault names its file by the whole key.
 *
 * @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED`, and what `decode` throws
 */
export async function decodeFiles<Result>(
  store: Reader,
  prefix: string,
  decode: (files: NamedFiles) => Result | Promise<Result>,
): Promise<Result> {
  const files: Record<string, Uint8Array> = {};
  for (const { key } of await store.list(prefix)) {
    const name = key.slice(prefix.length + 1);
    const bytes = name !== "" && !name.includes("/") && (await store.get(key));
    if (bytes) {
      files[name] = bytes;
    }
  }
  try {
    assertWhole(files);
    return await decode(files);
  } catch (error) {
    const { code, details, cause } = error as AppError;
    throw error instanceof AppError && typeof details.path === "string"
      ? new AppError(code, { ...details, path: `${prefix}/${details.path}` }, { cause })
      : error;
  }
}

export async function deleteAll(
  store: Pick<ArtefactStore, "delete" | "list">,
  prefix: string,
): Promise<void> {
  for (const { key } of await store.list(prefix)) {
    await store.delete(key);
  }
}
