/** @file Vectors as the database keeps them: little-endian float32 values in a row. */

// Node runs on little-endian machines only, so memory already has the order of the column.
export function bytesOf(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}

/** A copy: a row's buffer need not begin at a multiple of 4. */
export function vectorOf(bytes: Buffer): Float32Array {
  const copy = new Uint8Array(bytes);
  return new Float32Array(copy.buffer, 0, Math.floor(copy.byteLength / 4));
}
