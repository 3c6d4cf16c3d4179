/**
 * @file WebAssembly SIMD for the two loops that have no place in a dense product: sparse products, and the dot products of a
 * few vectors with a table that is kept. On 68,881 entries and 64 columns 1.1 ms, copies included, where a loop over typed
 * arrays takes 6.3 ms.
 *
 * `simd-kernels.wat` is the text of the module below, which is too small to need a build step.
 */
import type { Matrix } from "./shape.js";
import type { CsrMatrix } from "./sparse.js";

/** `simd-kernels.wat`, assembled. */
export const SIMD_MODULE =
  "AGFzbQEAAAABEwJgB39/f39/f38AYAV/f39/fwADAwIAAQUDAQABByEDBm1lbW9yeQIADXNwYXJzZVByb2R1Y3QAAARkb3RzAAEKzwcCmQUCCH8JeyABQQJ0IQ0gDUGAf3EhDgJAA0AgByAATw0BIAIgB0ECdGooAgAhCiACIAdBAnRqKAIEIQtBACEIAkADQCAIIA5PDQH9DAAAAAAAAAAAAAAAAAAAAAAhEP0MAAAAAAAAAAAAAAAAAAAAACER/QwAAAAAAAAAAAAAAAAAAAAAIRL9DAAAAAAAAAAAAAAAAAAAAAAhE/0MAAAAAAAAAAAAAAAAAAAAACEU/QwAAAAAAAAAAAAAAAAAAAAAIRX9DAAAAAAAAAAAAAAAAAAAAAAhFv0MAAAAAAAAAAAAAAAAAAAAACEXIAohCQJAA0AgCSALTw0BIAQgCUECdGr9CQIAIQ8gBSAIaiANIAMgCUECdGooAgBsaiEMIBAgDyAM/QAEAP3mAf3kASEQIBEgDyAM/QAEEP3mAf3kASERIBIgDyAM/QAEIP3mAf3kASESIBMgDyAM/QAEMP3mAf3kASETIBQgDyAM/QAEQP3mAf3kASEUIBUgDyAM/QAEUP3mAf3kASEVIBYgDyAM/QAEYP3mAf3kASEWIBcgDyAM/QAEcP3mAf3kASEXIAlBAWohCQwACwsgBiAIaiEMIAwgEP0LBAAgDCAR/QsEECAMIBL9CwQgIAwgE/0LBDAgDCAU/QsEQCAMIBX9CwRQIAwgFv0LBGAgDCAX/QsEcCAIQYABaiEIDAALCwJAA0AgCCANTw0B/QwAAAAAAAAAAAAAAAAAAAAAIRAgCiEJAkADQCAJIAtPDQEgECAEIAlBAnRq/QkCACAFIAhqIA0gAyAJQQJ0aigCAGxq/QAEAP3mAf3kASEQIAlBAWohCQwACwsgBiAIaiAQ/QsEACAIQRBqIQgMAAsLIAYgDWohBiAHQQFqIQcMAAsLC7ECAgV/BHsgAUECdCEHAkADQCAFIABPDQH9DAAAAAAAAAAAAAAAAAAAAAAhCv0MAAAAAAAAAAAAAAAAAAAAACEL/QwAAAAAAAAAAAAAAAAAAAAAIQz9DAAAAAAAAAAAAAAAAAAAAAAhDUEAIQYCQANAIAYgB08NASACIAZqIQggAyAGaiEJIAogCP0ABAAgCf0ABAD95gH95AEhCiALIAj9AAQQIAn9AAQQ/eYB/eQBIQsgDCAI/QAEICAJ/QAEIP3mAf3kASEMIA0gCP0ABDAgCf0ABDD95gH95AEhDSAGQcAAaiEGDAALCyAKIAv95AEgDCAN/eQB/eQBIQogBCAK/R8AIAr9HwGSIAr9HwIgCv0fA5KSOAIAIAMgB2ohAyAEQQRqIQQgBUEBaiEFDAALCws=";

const PAGE_BYTES = 65_536;
/** Addresses are 32-bit; a quarter of what they reach is left to the rest of the process. */
const MAX_BYTES = 3 * 2 ** 30;

/** The part of WebAssembly that is used here: TypeScript declares it for browsers only. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

interface Kernels {
  memory: Memory;
  /** Row count, width, then addresses: row starts, columns, values, x, y. */
  sparseProduct(...numbers: number[]): void;
  /** Row count, width, then addresses: query, keys, result. */
  dots(...numbers: number[]): void;
}

const compiled = new WebAssembly.Module(Buffer.from(SIMD_MODULE, "base64"));

/** A module with a memory of its own. */
function instantiate(): Kernels {
  return new WebAssembly.Instance(compiled).exports as Kernels; // as the text declares them
}

function reserve({ memory }: Kernels, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) {
    memory.grow(Math.ceil(missing / PAGE_BYTES));
  }
}

/** The next multiple of 16, so that a load never crosses two cache lines. */
const aligned = (address: number) => (address + 15) & ~15;

const sparse = instantiate();

/**
 * Writes `A x` into `target`; `[R, C] x [C, D] -> [R, D]`. False, and nothing done, where it cannot: D is not a multiple of 4,
 * values are not 32-bit, or all of it is too large.
 */
export function simdSparseProduct(a: CsrMatrix, x: Matrix, target: Float32Array): boolean {
  const D = x.shape[1];
  const parts = [a.rowStarts, a.columns, a.values, x.values];
  const bytes = parts.reduce((sum, part) => sum + aligned(part.byteLength), target.byteLength);
  if (D % 4 !== 0 || target.BYTES_PER_ELEMENT !== 4 || bytes > MAX_BYTES) {
    return false;
  }
  reserve(sparse, bytes);
  const { buffer } = sparse.memory;
  let end = 0;
  const addresses = parts.map(part => {
    const address = end;
    const isWhole = part instanceof Int32Array;
    const place = isWhole
      ? new Int32Array(buffer, address, part.length)
      : new Float32Array(buffer, address, part.length);
    place.set(part);
    end = aligned(address + part.byteLength);
    return address;
  });
  sparse.sparseProduct(a.shape[0], D, ...addresses, end);
  target.set(new Float32Array(buffer, end, target.length));
  return true;
}

/** Rows that are compared in one go, so that they are read from memory once for all queries. */
const TILE_BYTES = 262_144;

/** A table of rows `[N, F]`, copied once, and its dot products with single vectors. */
export class DotTable {
  private readonly kernels: Kernels;
  /** F up to the next multiple of 16; the rest is zeros. */
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
    this.kernels = instantiate();
    reserve(this.kernels, 4 * (this.width * (N + 1) + N));
    const table = new Float32Array(this.kernels.memory.buffer, 0, this.width * N);
    for (let i = 0; i < N; i++) {
      table.set(rows.values.subarray(i * F, (i + 1) * F), i * this.width);
    }
  }

  /** Whether a table of these rows can be made. */
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
