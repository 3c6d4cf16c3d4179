/**
 * @file Tensors in a file: Hugging Face's safetensors, written and read.
 *
 * Eight bytes of header length (little-endian), a JSON header `{name: {dtype, shape, data_offsets}, __metadata__}`, then the
 * values. https://huggingface.co/docs/safetensors
 */
import { existsSync } from "node:fs";
import { open, readFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError } from "../../errors/app-error.js";
import { fromFloat16 } from "../runtime/float16.js";

/** Bytes of one value; F16, BF16 and I8 are read, not written. */
const valueBytes = { F32: 4, F16: 2, BF16: 2, I32: 4, I8: 1 } as const;

type ValueType = keyof typeof valueBytes;

export interface StoredTensor {
  shape: readonly number[];
  values: Float32Array | Int32Array;
}

export interface Safetensors {
  tensors: Readonly<Record<string, StoredTensor>>;
  /** Free text by name; here: what the tensors are and how they came to be. */
  metadata: Readonly<Record<string, string>>;
}

interface HeaderEntry {
  dtype: ValueType;
  shape: number[];
  data_offsets: [start: number, end: number];
}

/** The bytes of a file; tensors in the order of their names, so equal tensors give equal bytes. */
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
  const headerLength = Math.ceil(json.length / 8) * 8; // padded with spaces: the values start aligned
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

/** The tensors in `bytes`; the shorter ones become 32-bit. @throws AppError FILE_MALFORMED, naming `path` and the fault. */
export function decodeSafetensors(bytes: Uint8Array, path: string): Safetensors {
  const malformed = (reason: string) =>
    new AppError("FILE_MALFORMED", { path, expected: "a safetensors file", reason });
  if (bytes.length < 8) {
    throw malformed(`it has ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  if (headerLength > bytes.length - 8) {
    throw malformed(`its header of ${headerLength} bytes is cut off`);
  }
  const { __metadata__: metadata = {}, ...entries } = parseHeader(
    bytes.subarray(8, 8 + headerLength),
    malformed,
  );
  const data = bytes.subarray(8 + headerLength);
  const tensors: Record<string, StoredTensor> = {};
  for (const [name, entry] of Object.entries(entries as Record<string, HeaderEntry>)) {
    const fault = entryFault(entry, data.length);
    if (fault) {
      throw malformed(`tensor '${name}' ${fault}`);
    }
    // A copy, hence aligned; not slice(), which shares its memory when the bytes are a Buffer.
    const values = new Uint8Array(data.subarray(...entry.data_offsets));
    tensors[name] = { shape: entry.shape, values: decodeValues(entry.dtype, values.buffer) };
  }
  return { tensors, metadata: metadata as Record<string, string> };
}

function parseHeader(bytes: Uint8Array, malformed: (reason: string) => AppError) {
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw malformed("its header is not JSON");
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw malformed("its header is not an object");
  }
  return header as Record<string, unknown>;
}

/** What is wrong with a tensor's entry, or null. */
function entryFault(entry: HeaderEntry | null, numBytes: number): string | null {
  const { dtype, shape, data_offsets } = entry ?? ({} as HeaderEntry);
  if (!Object.hasOwn(valueBytes, dtype)) {
    return `has values of type ${dtype}; ${Object.keys(valueBytes).join(", ")} are known`;
  }
  if (!Array.isArray(shape) || !shape.every(size => Number.isInteger(size) && size >= 0)) {
    return "has no shape";
  }
  if (!Array.isArray(data_offsets) || !data_offsets.every(Number.isInteger)) {
    return "has no place";
  }
  const [start, end] = data_offsets;
  const expected = shape.reduce((product, size) => product * size, 1) * valueBytes[dtype];
  if (end - start !== expected) {
    return `is [${shape}], which needs ${expected} bytes, but has ${end - start}`;
  }
  if (start < 0 || end > numBytes) {
    return `ends at byte ${end} of ${numBytes}: the file is cut off`;
  }
  return null;
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

/** bfloat16 is the upper half of a 32-bit number. */
function fromBfloat16(words: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(words, word => word << 16).buffer);
}

/** Writes beside `path`, then renames: a reader never sees half a file, a killed process leaves the old one. */
export async function saveSafetensors(path: string, content: Safetensors): Promise<void> {
  await writeAtomically(path, encodeSafetensors(content));
}

/** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
export async function loadSafetensors(path: string): Promise<Safetensors> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new AppError("FILE_NOT_FOUND", { path }) : error;
  });
  return decodeSafetensors(bytes, path);
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
    Object.assign(tensors, (await loadSafetensors(join(directory, part))).tensors);
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

/** Replaces a file whole or not at all. */
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
