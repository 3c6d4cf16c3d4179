/**
 * @file Reads and writes Hugging Face's safetensors files.
 *
 * Eight bytes of header length (little-endian), a JSON header `{name: {dtype, shape, data_offsets}, __metadata__}`, then
 * the values. https://huggingface.co/docs/safetensors
 */
import { existsSync } from "node:fs";
import { type FileHandle, open, readFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError } from "../../errors/app-error.js";
import { fromFloat16 } from "../runtime/float16.js";
import {
  type HeaderEntry,
  MAX_HEADER_BYTES,
  parseHeader,
  type ValueType,
} from "./safetensors-header.js";

const LENGTH_BYTES = 8;
/** Bytes per read: the operating system refuses a single read of more than 2 GiB. */
const READ_BYTES = 256 * 2 ** 20;

export interface StoredTensor {
  shape: readonly number[];
  values: Float32Array | Int32Array;
}

export interface Safetensors {
  tensors: Readonly<Record<string, StoredTensor>>;
  /** Free text by key: what the tensors are and how they were made. */
  metadata: Readonly<Record<string, string>>;
}

/** The bytes of a file; tensors sorted by name, so equal tensors give equal bytes. */
export function encodeSafetensors({ tensors, metadata }: Safetensors): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const names = Object.keys(tensors).sort();
  let offset = 0;
  for (const name of names) {
    const { shape, values } = tensors[name];
    const length = shape.reduce((product, size) => product * size, 1);
    if (length !== values.length) {
      throw new Error(
        `encodeSafetensors: '${name}' is [${shape}], but has ${values.length} values`,
      );
    }
    const dtype: ValueType = values instanceof Int32Array ? "I32" : "F32";
    header[name] = { dtype, shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header), "utf8");
  const headerLength = Math.ceil(json.length / 8) * 8; // padded with spaces: aligns the values
  const bytes = Buffer.alloc(8 + headerLength + offset, " ");
  bytes.writeBigUInt64LE(BigInt(headerLength), 0);
  json.copy(bytes, 8);
  let at = 8 + headerLength;
  for (const name of names) {
    const { buffer, byteOffset, byteLength } = tensors[name].values;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}

/** The tensors in `bytes`, converted to 32 bits. @throws AppError FILE_MALFORMED with `path` and the fault. */
export function decodeSafetensors(bytes: Uint8Array, path: string): Safetensors {
  const malformed = malformedAt(path);
  const headerEnd = LENGTH_BYTES + headerLength(bytes, bytes.length, malformed);
  const data = bytes.subarray(headerEnd);
  const { entries, metadata } = parseHeader(
    bytes.subarray(LENGTH_BYTES, headerEnd),
    data.length,
    malformed,
  );
  const tensors = Object.fromEntries(
    [...entries].map(([name, entry]) => {
      // A copy, thus aligned; slice() would share the memory of a Buffer.
      const values = new Uint8Array(data.subarray(...entry.data_offsets));
      return [name, storedTensor(entry, values.buffer)];
    }),
  );
  return { tensors, metadata };
}

function malformedAt(path: string): (reason: string) => AppError {
  return reason => new AppError("FILE_MALFORMED", { path, expected: "a safetensors file", reason });
}

/** The header's length in the first bytes of a file of `numBytes`. */
function headerLength(
  bytes: Uint8Array,
  numBytes: number,
  malformed: (reason: string) => AppError,
): number {
  if (numBytes < LENGTH_BYTES) {
    throw malformed(`it has ${numBytes} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw malformed(`its header of ${length} bytes is too long`);
  }
  if (length > numBytes - LENGTH_BYTES) {
    throw malformed(`its header of ${length} bytes is cut off`);
  }
  return length;
}

function storedTensor({ dtype, shape }: HeaderEntry, buffer: ArrayBufferLike): StoredTensor {
  return { shape, values: decodeValues(dtype, buffer) };
}

function decodeValues(dtype: ValueType, buffer: ArrayBufferLike): Float32Array | Int32Array {
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer);
    case "I32":
      return new Int32Array(buffer);
    case "F16":
      return fromFloat16(new Uint16Array(buffer));
    case "I8":
      return Int32Array.from(new Int8Array(buffer));
    case "BF16":
      return fromBfloat16(new Uint16Array(buffer));
  }
}

/** bfloat16 is the upper half of a 32-bit float. */
function fromBfloat16(words: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(words, word => word << 16).buffer);
}

/** Writes a temporary file, then renames it: a reader never sees a partial file. */
export async function saveSafetensors(path: string, content: Safetensors): Promise<void> {
  await writeAtomically(path, encodeSafetensors(content));
}

/**
 * Loads the tensors of a file of any size: no buffer is larger than one tensor.
 *
 * @param only Names of the tensors to read. Default: all. The header is checked in any case.
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
    const malformed = malformedAt(path);
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

/** Bytes `start … end` of a file, in a new buffer. */
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
 * The weights of a Hugging Face folder: `model.safetensors`, or the shards in `model.safetensors.index.json`.
 *
 * @throws AppError FILE_NOT_FOUND for the file or a shard, FILE_MALFORMED.
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

/** Replaces a file completely or not at all. */
export async function writeAtomically(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
