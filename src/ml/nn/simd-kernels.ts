/**
 * @file WebAssembly SIMD for the loops that do not fit a dense product: sparse products, dot products of a few vectors
 * with a stored table, and the kernels of `simd-loops.ts`. A sparse product of 68,881 entries and 64 columns takes 1.1
 * ms including copies, against 6.3 ms for a loop over typed arrays.
 *
 * `simd-kernels.wat` is the source of the module below, which is too small to need a build step.
 */
import type { CsrMatrix, Matrix } from "./matrix.type.js";

/** `simd-kernels.wat`, assembled. */
export const SIMD_MODULE =
  "AGFzbQEAAAABQwhgB39/f39/f38AYAV/f39/fwBgBH99f38AYAF7AX1gA39/fwF9YAR/f39/AGAGf399f39/AGAKf3x8fHx8f39/fwADDAsAAQICAwQBAQUGBwUDAQABB4YBCgZtZW1vcnkCAA1zcGFyc2VQcm9kdWN0AAAEZG90cwABCWFkZFNjYWxlZAACCnNoYXJlT2ZTdW0AAwdyb3dEb3RzAAYPYWRkV2VpZ2h0ZWRSb3dzAAcNbm9ybWFsaXplUm93cwAIFm5vcm1hbGl6ZWRSb3dzR3JhZGllbnQACQRhZGFtAAoKvw8LmQUCCH8JeyABQQJ0IQ0gDUGAf3EhDgJAA0AgByAATw0BIAIgB0ECdGooAgAhCiACIAdBAnRqKAIEIQtBACEIAkADQCAIIA5PDQH9DAAAAAAAAAAAAAAAAAAAAAAhEP0MAAAAAAAAAAAAAAAAAAAAACER/QwAAAAAAAAAAAAAAAAAAAAAIRL9DAAAAAAAAAAAAAAAAAAAAAAhE/0MAAAAAAAAAAAAAAAAAAAAACEU/QwAAAAAAAAAAAAAAAAAAAAAIRX9DAAAAAAAAAAAAAAAAAAAAAAhFv0MAAAAAAAAAAAAAAAAAAAAACEXIAohCQJAA0AgCSALTw0BIAQgCUECdGr9CQIAIQ8gBSAIaiANIAMgCUECdGooAgBsaiEMIBAgDyAM/QAEAP3mAf3kASEQIBEgDyAM/QAEEP3mAf3kASERIBIgDyAM/QAEIP3mAf3kASESIBMgDyAM/QAEMP3mAf3kASETIBQgDyAM/QAEQP3mAf3kASEUIBUgDyAM/QAEUP3mAf3kASEVIBYgDyAM/QAEYP3mAf3kASEWIBcgDyAM/QAEcP3mAf3kASEXIAlBAWohCQwACwsgBiAIaiEMIAwgEP0LBAAgDCAR/QsEECAMIBL9CwQgIAwgE/0LBDAgDCAU/QsEQCAMIBX9CwRQIAwgFv0LBGAgDCAX/QsEcCAIQYABaiEIDAALCwJAA0AgCCANTw0B/QwAAAAAAAAAAAAAAAAAAAAAIRAgCiEJAkADQCAJIAtPDQEgECAEIAlBAnRq/QkCACAFIAhqIA0gAyAJQQJ0aigCAGxq/QAEAP3mAf3kASEQIAlBAWohCQwACwsgBiAIaiAQ/QsEACAIQRBqIQgMAAsLIAYgDWohBiAHQQFqIQcMAAsLC7ECAgV/BHsgAUECdCEHAkADQCAFIABPDQH9DAAAAAAAAAAAAAAAAAAAAAAhCv0MAAAAAAAAAAAAAAAAAAAAACEL/QwAAAAAAAAAAAAAAAAAAAAAIQz9DAAAAAAAAAAAAAAAAAAAAAAhDUEAIQYCQANAIAYgB08NASACIAZqIQggAyAGaiEJIAogCP0ABAAgCf0ABAD95gH95AEhCiALIAj9AAQQIAn9AAQQ/eYB/eQBIQsgDCAI/QAEICAJ/QAEIP3mAf3kASEMIA0gCP0ABDAgCf0ABDD95gH95AEhDSAGQcAAaiEGDAALCyAKIAv95AEgDCAN/eQB/eQBIQogBCAK/R8AIAr9HwGSIAr9HwIgCv0fA5KSOAIAIAMgB2ohAyAEQQRqIQQgBUEBaiEFDAALCwtNAgF/AXsgAf0TIQUgAyAAQQJ0aiEEAkADQCADIARPDQEgAyAD/QAEACAFIAL9AAQA/eYB/eQB/QsEACACQRBqIQIgA0EQaiEDDAALCwtNAgF/AXsgAf0TIQUgAyAAQQJ0aiEEAkADQCADIARPDQEgAyAFIAP9AAQAIAL9AAQA/eQB/eYB/QsEACACQRBqIQIgA0EQaiEDDAALCwsZACAA/R8AIAD9HwGSIAD9HwIgAP0fA5KSC0QCAX8BeyABIABqIQMCQANAIAEgA08NASAEIAH9AAQAIAL9AAQA/eYB/eQBIQQgAUEQaiEBIAJBEGohAgwACwsgBBAEC0YBAn8gAUECdCEGIAQgAEECdGohBQJAA0AgBCAFTw0BIAQgBiACIAMQBTgCACACIAZqIQIgAyAGaiEDIARBBGohBAwACwsLcwIDfwF7IAFBAnQhByACIABBAnRqIQUCQANAIAIgBU8NASAC/QkCACEIIAMgB2ohBgJAA0AgAyAGTw0BIAQgBP0ABAAgCCAD/QAEAP3mAf3kAf0LBAAgA0EQaiEDIARBEGohBAwACwsgAkEEaiECDAALCwuCAQMDfwF9AXsgAUECdCEGIAIgACAGbGohBAJAA0AgAiAETw0BIAYgAiACEAUhB0MAAIA/IAeRlUMAAAAAIAdDAAAAAF4b/RMhCCACIAZqIQUCQANAIAIgBU8NASADIAggAv0ABAD95gH9CwQAIAJBEGohAiADQRBqIQMMAAsLDAALCwuxAQMDfwF9AnsgAUECdCEIIAMgACAIbGohBgJAA0AgAyAGTw0BIAMgCGohByAIIAMgAxAFIQkgCCADIAQQBSAJlUMAAAAAIAlDAAAAAF4b/RMhCiACIAmRlUMAAAAAIAlDAAAAAF4b/RMhCwJAA0AgAyAHTw0BIAUgCyAE/QAEACAKIAP9AAQA/eYB/eUB/eYB/QsEACADQRBqIQMgBEEQaiEEIAVBEGohBQwACwsMAAsLC4ECAgF/CnsgAf0UIQ4gAv0UIQ8gBf0UIRAgA/0UIREgBP0UIRJEAAAAAAAA8D8gA6H9FCETRAAAAAAAAPA/IASh/RQhFCAGIABBAnRqIQoCQANAIAYgCk8NASAJ/V0DAP1fIQsgESAH/V0DAP1f/fIBIBMgC/3yAf3wAf1eIQwgEiAI/V0DAP1f/fIBIBQgC/3yASAL/fIB/fAB/V4hDSAHIAz9WwMAACAIIA39WwMAACAGIAb9XQMA/V8gDiAM/V/98gEgECAPIA39X/3yAf3vAf3wAf3zAf3xAf1e/VsDAAAgBkEIaiEGIAdBCGohByAIQQhqIQggCUEIaiEJDAALCws=";

const PAGE_BYTES = 65_536;
/** Addresses are 32-bit; a quarter of the range is left to the rest of the process. */
const MAX_BYTES = 3 * 2 ** 30;

/** The used part of WebAssembly; TypeScript declares it for browsers only. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The module's functions; arguments: counts, factors, then addresses. */
export type SimdKernels = { memory: Memory } & Record<
  | "sparseProduct"
  | "dots"
  | "addScaled"
  | "shareOfSum"
  | "rowDots"
  | "addWeightedRows"
  | "normalizeRows"
  | "normalizedRowsGradient"
  | "adam",
  (...numbers: number[]) => void
>;

const compiled = new WebAssembly.Module(Buffer.from(SIMD_MODULE, "base64"));

/** Instantiates the module with its own memory. */
export function instantiateKernels(): SimdKernels {
  return new WebAssembly.Instance(compiled).exports as SimdKernels;
}

/** Grows the memory to at least `bytes`, keeping its content; detaches arrays over it. */
export function reserve({ memory }: SimdKernels, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) {
    memory.grow(Math.ceil(missing / PAGE_BYTES));
  }
}

/** The next multiple of 16, so that a load never crosses two cache lines. */
const aligned = (address: number) => (address + 15) & ~15;

const sparse = instantiateKernels();

/**
 * Writes `A x` to `target`; `[R, C] x [C, D] -> [R, D]`. Returns false, changing nothing, unless D is a multiple of 4,
 * values are 32-bit and everything fits in memory.
 */
export function simdSparseProduct(a: CsrMatrix, x: Matrix, target: Float32Array): boolean {
  const parts = [a.rowStarts, a.columns, a.values, x.values];
  if (!canHold(x, [...parts, target])) {
    return false;
  }
  const [rowStarts, columns, values, source, result] = placed(parts, target.byteLength);
  sparse.sparseProduct(a.shape[0], x.shape[1], rowStarts, columns, values, source, result);
  target.set(new Float32Array(sparse.memory.buffer, result, target.length));
  return true;
}

/**
 * Writes the mean of `x, Ax, .., A^K x` to `target`, K at least 1; `[V, V] x [V, D] -> [V, D]`. Returns false like
 * {@link simdSparseProduct}.
 */
export function simdPropagated(
  a: CsrMatrix,
  x: Matrix,
  numLayers: number,
  target: Float32Array,
): boolean {
  const parts = [a.rowStarts, a.columns, a.values, x.values];
  if (!canHold(x, [...parts, target, target])) {
    return false;
  }
  const { byteLength, length } = target;
  const [rowStarts, columns, values, source, one, other] = placed(parts, byteLength, byteLength);
  // Horner's rule: x + A (x + A (x + ..)).
  let [sum, next] = [source, one];
  for (let layer = 1; layer <= numLayers; layer++) {
    sparse.sparseProduct(a.shape[0], x.shape[1], rowStarts, columns, values, sum, next);
    sparse.shareOfSum(length, layer === numLayers ? 1 / (numLayers + 1) : 1, source, next);
    [sum, next] = [next, next === one ? other : one];
  }
  target.set(new Float32Array(sparse.memory.buffer, sum, length));
  return true;
}

function canHold(x: Matrix, arrays: readonly { byteLength: number }[]): boolean {
  const bytes = arrays.reduce((sum, { byteLength }) => sum + aligned(byteLength), 0);
  return x.shape[1] % 4 === 0 && x.values.BYTES_PER_ELEMENT === 4 && bytes <= MAX_BYTES;
}

/** Copies arrays into the module's memory, reserves `room` after them, and returns all addresses. */
function placed(arrays: readonly (Int32Array | Float32Array)[], ...rooms: number[]): number[] {
  const addresses: number[] = [];
  let end = 0;
  for (const byteLength of [...arrays.map(array => array.byteLength), ...rooms]) {
    addresses.push(end);
    end = aligned(end + byteLength);
  }
  reserve(sparse, end);
  const { buffer } = sparse.memory;
  arrays.forEach((array, at) => {
    const place = array instanceof Int32Array ? Int32Array : Float32Array;
    new place(buffer, addresses[at], array.length).set(array);
  });
  return addresses;
}

/** Rows per tile, so that each is read from memory once for all queries. */
const TILE_BYTES = 262_144;

/** A stored table of rows `[N, F]`, and its dot products with vectors. */
export class DotTable {
  private readonly kernels: SimdKernels;
  /** F rounded up to a multiple of 16, padded with zeros. */
  private readonly width: number;
  private readonly length: number;

  /** @throws RangeError when the rows take more than 3 GiB. */
  constructor(rows: Matrix) {
    const [N, F] = rows.shape;
    this.width = Math.ceil(F / 16) * 16;
    this.length = N;
    if (!DotTable.fits(rows)) {
      throw new RangeError(`DotTable: expected at most ${MAX_BYTES} bytes, got [${rows.shape}]`);
    }
    this.kernels = instantiateKernels();
    reserve(this.kernels, 4 * (this.width * (N + 1) + N));
    const table = new Float32Array(this.kernels.memory.buffer, 0, this.width * N);
    for (let i = 0; i < N; i++) {
      table.set(rows.values.subarray(i * F, (i + 1) * F), i * this.width);
    }
  }

  /** Whether these rows fit in memory. */
  static fits({ shape: [N, F], values }: Matrix): boolean {
    return values.BYTES_PER_ELEMENT === 4 && 4 * (F + 17) * (N + 1) <= MAX_BYTES;
  }

  /** The dot products of each query `[F]` with all rows; `[N]` each. */
  dots(queries: readonly Float32Array[]): Float32Array[] {
    const { kernels, length: N, width } = this;
    const { buffer } = kernels.memory;
    const query = new Float32Array(buffer, 4 * width * N, width);
    const products = new Float32Array(buffer, 4 * width * (N + 1), N);
    const tileRows = Math.max(1, Math.floor(TILE_BYTES / (4 * width)));
    const results = queries.map(() => new Float32Array(N));
    for (let start = 0; start < N; start += tileRows) {
      const count = Math.min(tileRows, N - start);
      queries.forEach((values, q) => {
        query.fill(0).set(values);
        const keys = 4 * width * start;
        kernels.dots(count, width, query.byteOffset, keys, products.byteOffset);
        results[q].set(products.subarray(0, count), start);
      });
    }
    return results;
  }
}
