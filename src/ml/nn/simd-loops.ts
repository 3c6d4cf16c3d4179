/**
 * @file Loops over long arrays in WebAssembly SIMD; V8 processes one number at a time in 64 bits.
 *
 * Arrays pass through the module's memory in pieces that fit a core's cache, so the copies cost less than the loop
 * saves. Every function returns false, changing nothing, where it cannot or would not pay: values that are not 32-bit,
 * rows that are not whole vectors, or few values. The caller then uses its own loop, with the same result up to
 * rounding.
 *
 * Shapes: N rows of D, or n numbers.
 */
import type { Matrix } from "./matrix.type.js";
import { instantiateKernels, reserve, type SimdKernels } from "./simd-kernels.js";

/** Numbers of one array in a piece: four arrays are 256 KiB. */
const PIECE_VALUES = 16_384;
/** Distance of two arrays in bytes: not a power of 2, which would map them to the same cache lines. */
const PLACE_BYTES = 4 * PIECE_VALUES + 320;
const MAX_ARRAYS = 4;
/** With fewer values, copies and call cost as much as the loop. */
const MIN_VALUES = 1024;

/** Array `a` of a piece lies at `addresses[a]`. */
const addresses = Array.from({ length: MAX_ARRAYS }, (_, a) => a * PLACE_BYTES);
const kernels = instantiateKernels();
reserve(kernels, MAX_ARRAYS * PLACE_BYTES);

/** How a kernel uses an array of `width` numbers per row. */
interface Operand {
  values: Float32Array;
  width: number;
  use: "read" | "write" | "update";
}

const read = (values: Float32Array, width = 1): Operand => ({ values, width, use: "read" });
const write = (values: Float32Array, width = 1): Operand => ({ values, width, use: "write" });
const update = (values: Float32Array, width = 1): Operand => ({ values, width, use: "update" });

/** Calls `run` for each piece with its number of rows, its arrays in place. */
function inPieces(
  numRows: number,
  operands: readonly Operand[],
  run: (kernels: SimdKernels, count: number, places: readonly number[]) => void,
): boolean {
  const widest = Math.max(...operands.map(({ width }) => width));
  const is32Bit = operands.every(({ values }) => values.BYTES_PER_ELEMENT === 4);
  if (!is32Bit || numRows * widest < MIN_VALUES || widest > PIECE_VALUES) {
    return false;
  }
  const places = operands.map(
    (_, a) => new Float32Array(kernels.memory.buffer, addresses[a], PIECE_VALUES),
  );
  const pieceRows = Math.floor(PIECE_VALUES / widest);
  for (let start = 0; start < numRows; start += pieceRows) {
    const count = Math.min(pieceRows, numRows - start);
    operands.forEach(({ values, width, use }, a) => {
      if (use !== "write") {
        places[a].set(values.subarray(start * width, (start + count) * width));
      }
    });
    run(kernels, count, addresses);
    operands.forEach(({ values, width, use }, a) => {
      if (use !== "read") {
        values.set(places[a].subarray(0, count * width), start * width);
      }
    });
  }
  return true;
}

/** {@link inPieces} for rows of whole vectors. */
function inRows(
  [N, D]: Matrix["shape"],
  operands: readonly Operand[],
  run: (kernels: SimdKernels, count: number, places: readonly number[]) => void,
): boolean {
  return D % 4 === 0 && inPieces(N, operands, run);
}

/** `target += scale · source`. */
export function simdAddScaled(target: Float32Array, source: Float32Array, scale: number): boolean {
  return inPieces(target.length, [read(source), update(target)], ({ addScaled }, n, at) =>
    addScaled(n, scale, at[0], at[1]),
  );
}

/** `out_i = a_i · b_i`. */
export function simdRowDots(a: Matrix, b: Matrix, out: Float32Array): boolean {
  const D = a.shape[1];
  const operands = [read(a.values, D), read(b.values, D), write(out)];
  return inRows(a.shape, operands, ({ rowDots }, n, at) => rowDots(n, D, at[0], at[1], at[2]));
}

/** `target_i += weights_i source_i`. */
export function simdAddWeightedRows(
  target: Matrix,
  source: Matrix,
  weights: Float32Array,
): boolean {
  const D = source.shape[1];
  const operands = [read(weights), read(source.values, D), update(target.values, D)];
  return inRows(source.shape, operands, ({ addWeightedRows }, n, at) =>
    addWeightedRows(n, D, at[0], at[1], at[2]),
  );
}

/** `target_i = x_i / ||x_i||`. */
export function simdNormalizeRows(x: Matrix, target: Float32Array): boolean {
  const D = x.shape[1];
  const operands = [read(x.values, D), write(target, D)];
  return inRows(x.shape, operands, ({ normalizeRows }, n, at) => normalizeRows(n, D, at[0], at[1]));
}

/** `dx = scale (dn - n (n · dn)) / ||x||` for the rows `n = x / ||x||`; `dx` may be `dn`. */
export function simdNormalizedRowsGradient(
  x: Matrix,
  dn: Matrix,
  dx: Matrix,
  scale: number,
): boolean {
  const D = x.shape[1];
  const operands = [read(x.values, D), read(dn.values, D), write(dx.values, D)];
  return inRows(x.shape, operands, ({ normalizedRowsGradient }, n, at) =>
    normalizedRowsGradient(n, D, scale, at[0], at[1], at[2]),
  );
}

/** The factors of an Adam step; see `adam.ts`. */
export interface AdamFactors {
  rate: number;
  correction: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** An Adam step in 64 bits, bit-identical to the loop's; `[n]` each. */
export function simdAdam(
  values: Float32Array,
  { first, second }: { first: Float32Array; second: Float32Array },
  gradient: Float32Array,
  { rate, correction, beta1, beta2, epsilon }: AdamFactors,
): boolean {
  const operands = [update(values), update(first), update(second), read(gradient)];
  return inPieces(values.length, operands, ({ adam }, n, at) =>
    adam(n, rate, correction, beta1, beta2, epsilon, ...at),
  );
}
