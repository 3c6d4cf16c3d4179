/** @file What services keep in an {@link ArtefactStore}: JSON, and the files of a model below one prefix. */
import { AppError } from "../errors/app-error.js";
import type { ArtefactStore } from "./artefact-store.js";

type Reader = Pick<ArtefactStore, "get" | "list">;
type Writer = Pick<ArtefactStore, "put">;

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
  await store.put(key, Buffer.from(`${JSON.stringify(content)}\n`));
}

/** Stores the files in the order given: a reader that finds the last one finds them all. */
export async function putFiles(store: Writer, prefix: string, files: NamedFiles): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    await store.put(`${prefix}/${name}`, bytes);
  }
}

/** Decodes the files right below `prefix`. A fault names its file by the whole key. */
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
