/** @file IEEE 754 half precision. Node 20 and 22 have no such array; ONNX Runtime takes 16-bit words. */

import { roundHalfEven } from "./rounding.js";

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Rounds to the nearest half, ties to even; infinite beyond 65504. */
export function toFloat16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, halfFromFloat);
}

/** The value of every word; created on first use. */
let valueOf: Float32Array | null = null;

/** The values of 16-bit words. */
export function fromFloat16(words: Uint16Array): Float32Array {
  valueOf ??= Float32Array.from({ length: 0x10000 }, (_, word) => floatFromHalf(word));
  const values = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) {
    values[i] = valueOf[words[i]];
  }
  return values;
}

function halfFromFloat(value: number): number {
  float[0] = value;
  const sign = (bits[0] >>> 16) & 0x8000;
  const magnitude = bits[0] & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    return sign | 0x7e00; // NaN
  }
  if (magnitude >= 0x477ff000) {
    return sign | 0x7c00; // rounds beyond 65504
  }
  if (magnitude < 0x38800000) {
    return sign | roundHalfEven(Math.abs(value) * 2 ** 24); // subnormal: a multiple of 2^-24
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

function floatFromHalf(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >>> 10) & 0x1f;
  const fraction = word & 0x3ff;
  if (exponent === 0) {
    return sign * fraction * 2 ** -24;
  }
  if (exponent === 31) {
    return fraction ? NaN : sign * Infinity;
  }
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
