/**
 * @file NumPy's `.npy` files of two-dimensional half and single floats, row-major.
 *
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { AppError } from "../../errors/app-error.js";
import { fromFloat16 } from "../runtime/float16.js";
import { type Matrix, matrix } from "./matrix.js";

const MAGIC = "\x93NUMPY";

/** @param path Names the file in faults. @throws AppError FILE_MALFORMED */
export function parseNpy(bytes: Buffer, path: string): Matrix {
  const malformed = (reason: string) =>
    new AppError("FILE_MALFORMED", { path, expected: "a .npy file of float16 or float32", reason });
  if (bytes.length < 12 || bytes.toString("latin1", 0, MAGIC.length) !== MAGIC) {
    throw malformed("it has another signature");
  }
  // The header's length has 2 bytes in version 1, later 4.
  const [length, at] = bytes[6] === 1 ? [bytes.readUInt16LE(8), 10] : [bytes.readUInt32LE(8), 12];
  const header = bytes.toString("latin1", at, at + length);
  const [, type] = /'descr': '([^']*)'/.exec(header) ?? [];
  const [, rows, columns] = /'shape': \((\d+), (\d+)\)/.exec(header) ?? [];
  if (!["<f2", "<f4"].includes(type) || !columns || !header.includes("'fortran_order': False")) {
    throw malformed(`its header is ${header.trim()}`);
  }
  const size = Number(rows) * Number(columns);
  const body = bytes.subarray(at + length);
  const width = type === "<f2" ? 2 : 4;
  if (body.length !== size * width) {
    throw malformed(`its header declares ${size * width} bytes, but ${body.length} follow`);
  }
  const own = new Uint8Array(body).buffer; // a copy: a file's buffer may be unaligned
  const values = width === 2 ? fromFloat16(new Uint16Array(own)) : new Float32Array(own);
  return matrix([Number(rows), Number(columns)], values);
}

/** The bytes of a `.npy` file of a matrix of single floats, format 1.0. */
export function npyOf({ shape, values }: Matrix): Buffer {
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`;
  // The format asks that the values begin at a multiple of 64 bytes; the header ends with a line feed.
  const length = Math.ceil((10 + dictionary.length + 1) / 64) * 64 - 10;
  const head = Buffer.alloc(10);
  head.write(MAGIC, "latin1");
  head[6] = 1;
  head.writeUInt16LE(length, 8);
  const header = `${dictionary.padEnd(length - 1)}\n`;
  const { buffer, byteLength, byteOffset } = values;
  return Buffer.concat([
    head,
    Buffer.from(header, "latin1"),
    new Uint8Array(buffer, byteOffset, byteLength),
  ]);
}
