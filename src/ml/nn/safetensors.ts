/**
 * @file Encodes and decodes Hugging Face's safetensors.
 *
 * Eight bytes of header length (little-endian), a JSON header `{name: {dtype, shape, data_offsets}, __metadata__}`, then
 * the values. https://huggingface.co/docs/safetensors
 */
import { AppError } from "../../errors/app-error.js";
import { fromFloat16 } from "../runtime/float16.js";
import {
  type HeaderEntry,
  MAX_HEADER_BYTES,
  parseHeader,
  type ValueType,
} from "./safetensors-header.js";

export const LENGTH_BYTES = 8;

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
  const malformed = malformedSafetensors(path);
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

export function malformedSafetensors(path: string): (reason: string) => AppError {
  return reason => new AppError("FILE_MALFORMED", { path, expected: "a safetensors file", reason });
}

/** The header's length in the first bytes of a file of `numBytes`. */
export function headerLength(
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

export function storedTensor({ dtype, shape }: HeaderEntry, buffer: ArrayBufferLike): StoredTensor {
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
