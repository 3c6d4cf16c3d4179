/** @file Safetensors on disk: the weights of a model pack, read tensor by tensor, since a file may be larger than a buffer. */
import { existsSync } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError } from "../../errors/app-error.js";
import { parseHeader } from "../nn/safetensors-header.js";
import {
  headerLength,
  LENGTH_BYTES,
  malformedSafetensors,
  type Safetensors,
  type StoredTensor,
  storedTensor,
} from "../nn/safetensors.js";

/** Read at once: a single read of more than 2 GiB is refused by the operating system. */
const READ_BYTES = 256 * 2 ** 20;

/**
 * The tensors of a file of any size: each is read by itself, so no buffer is larger than one tensor.
 *
 * @param only Which tensors are read, by name; default all. The header is checked in any case.
 * @throws AppError FILE_NOT_FOUND, FILE_MALFORMED
 */
export async function loadSafetensors(
  path: string,
  only: (name: string) => boolean = () => true,
): Promise<Safetensors> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new AppError("FILE_NOT_FOUND", { path }) : error;
  });
  try {
    const { size } = await file.stat();
    const malformed = malformedSafetensors(path);
    const first = await readRange(file, 0, Math.min(size, LENGTH_BYTES));
    const dataStart = LENGTH_BYTES + headerLength(first, size, malformed);
    const header = await readRange(file, LENGTH_BYTES, dataStart);
    const { entries, metadata } = parseHeader(header, size - dataStart, malformed);
    const tensors: [name: string, tensor: StoredTensor][] = [];
    for (const [name, entry] of entries) {
      if (only(name)) {
        const [start, end] = entry.data_offsets;
        const values = await readRange(file, dataStart + start, dataStart + end);
        tensors.push([name, storedTensor(entry, values.buffer)]);
      }
    }
    return { tensors: Object.fromEntries(tensors), metadata };
  } finally {
    await file.close();
  }
}

/** Bytes `start … end` of a file, in memory of their own. */
async function readRange(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  for (let at = 0; at < bytes.length;) {
    const length = Math.min(READ_BYTES, bytes.length - at);
    const { bytesRead } = await file.read(bytes, at, length, start + at);
    if (bytesRead === 0) {
      throw new Error(`readRange: expected ${bytes.length} bytes from ${start}, got ${at}`);
    }
    at += bytesRead;
  }
  return bytes;
}

/**
 * The weights of a Hugging Face folder: `model.safetensors`, or the parts that `model.safetensors.index.json` lists.
 *
 * @throws AppError FILE_NOT_FOUND for the file or a part, FILE_MALFORMED.
 */
export async function loadModelSafetensors(directory: string): Promise<Safetensors> {
  const path = join(directory, "model.safetensors");
  const index = `${path}.index.json`;
  if (existsSync(path) || !existsSync(index)) {
    return loadSafetensors(path);
  }
  const malformed = (reason: string) =>
    new AppError("FILE_MALFORMED", { path: index, expected: "an index of safetensors", reason });
  const weightMap = parseWeightMap(await readFile(index, "utf8"), malformed);
  const tensors: Record<string, StoredTensor> = {};
  for (const part of [...new Set(Object.values(weightMap))].sort()) {
    if (part !== basename(part)) {
      throw malformed(`'${part}' is not a file beside it`);
    }
    const isListed = (name: string) => Object.hasOwn(weightMap, name) && weightMap[name] === part;
    Object.assign(tensors, (await loadSafetensors(join(directory, part), isListed)).tensors);
  }
  const missing = Object.keys(weightMap).find(name => !Object.hasOwn(tensors, name));
  if (missing !== undefined) {
    throw malformed(`'${weightMap[missing]}' does not have the tensor '${missing}'`);
  }
  return { tensors, metadata: {} };
}

function parseWeightMap(
  text: string,
  malformed: (reason: string) => AppError,
): Record<string, string> {
  let index: { weight_map?: unknown } | null;
  try {
    index = JSON.parse(text) as { weight_map?: unknown } | null;
  } catch {
    throw malformed("it is not JSON");
  }
  const weightMap = index?.weight_map;
  if (
    typeof weightMap !== "object" ||
    weightMap === null ||
    !Object.values(weightMap).every(part => typeof part === "string")
  ) {
    throw malformed("it has no 'weight_map' from tensors to files");
  }
  return weightMap as Record<string, string>;
}
