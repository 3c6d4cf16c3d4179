/**
 * @file Kernels that make TensorFlow.js's WASM backend suitable for training transformers.
 *
 * Its matrix product is fast (XNNPACK) only for one pair of untransposed matrices; batches and transposes take a scalar
 * loop that is 30 to 50 times slower, and every gradient of a product needs a transpose. These kernels transpose
 * operands first and split batches, so that all products use the fast path. They also add `UnsortedSegmentSum` (the
 * gradient of a gather) and `LogSoftmax`, which the backend lacks.
 *
 * They call internals of tfjs-backend-wasm 4.22; `tests/unit/ml/runtime/tfjs-wasm-kernels` compares every kernel's value
 * and gradient with the CPU backend's.
 */
import * as tf from "@tensorflow/tfjs";

/** The used part of the WASM backend; `BackendWasm` in tfjs-backend-wasm/src/backend_wasm.ts. */
interface WasmBackend extends tf.KernelBackend {
  dataIdNextNumber: number;
  readonly dataIdMap: { get(dataId: tf.DataId): { id: number; memoryOffset: number } };
  readonly wasm: {
    cwrap(name: string, returns: null, parameters: string[]): (...args: unknown[]) => void;
    tfjs: {
      registerTensor(id: number, size: number, memoryOffset: number): void;
      disposeData(id: number): void;
    };
  };
  makeOutput(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array;
}

interface KernelArguments {
  inputs: Record<string, tf.TensorInfo>;
  backend: object;
  attrs?: tf.NamedAttrMap;
}

type MatMul = (...parameters: unknown[]) => void;

/** Block size of the transpose: two blocks of 16 lines fit the fastest cache. */
const BLOCK = 16;
/** Below this many multiplications per product, splitting a batch costs more than the slow loop. Measured. */
const MIN_PRODUCT = 8192;
/** With fewer rows on the left, packing and transposing the right operand does not pay. Measured. */
const MIN_ROWS = { plain: 4, turned: 8 };

const original = new Map<string, tf.KernelConfig | null>();

/** Installs the kernels, once; the backend must be loaded. */
export function installWasmKernels(): void {
  if (original.size > 0) {
    return;
  }
  replaceKernel("BatchMatMul", batchMatMul);
  replaceKernel("UnsortedSegmentSum", unsortedSegmentSum);
  replaceKernel("LogSoftmax", logSoftmax);
}

function replaceKernel(
  kernelName: string,
  kernel: (args: KernelArguments) => tf.TensorInfo | tf.TensorInfo[],
): void {
  const present = tf.getKernel(kernelName, "wasm") ?? null;
  original.set(kernelName, present);
  if (present) {
    tf.unregisterKernel(kernelName, "wasm");
  }
  tf.registerKernel({ kernelName, backendName: "wasm", kernelFunc: kernel as tf.KernelFunc });
}

// ── BatchMatMul ──

/** `op(a) op(b)` of every pair of the batch; `[..., M, K] x [..., K, N] -> [..., M, N]`, batch sizes equal or 1. */
function batchMatMul(args: KernelArguments): tf.TensorInfo | tf.TensorInfo[] {
  const backend = args.backend as WasmBackend;
  const { a, b } = args.inputs;
  const { transposeA, transposeB } = args.attrs as { transposeA: boolean; transposeB: boolean };
  const left = sizes(a, transposeA);
  const right = sizes(b, transposeB);
  const isPlain = left.batch === 1 && right.batch === 1;
  if (
    left.columns !== right.rows || // throws its own message
    (isPlain && !transposeA && !transposeB) ||
    (left.batch !== right.batch && left.batch !== 1 && right.batch !== 1) ||
    left.rows < (transposeB ? MIN_ROWS.turned : MIN_ROWS.plain) ||
    left.rows * left.columns * right.columns < MIN_PRODUCT ||
    a.dtype !== "float32" ||
    b.dtype !== "float32"
  ) {
    return callOriginal("BatchMatMul", args);
  }
  const batchShape = tf.broadcast_util.assertAndGetBroadcastShape(
    a.shape.slice(0, -2),
    b.shape.slice(0, -2),
  );
  const out = backend.makeOutput([...batchShape, left.rows, right.columns], "float32");
  const turnedA = transposeA ? turned(backend, a) : null;
  const turnedB = transposeB ? turned(backend, b) : null;
  multiply(backend, {
    left: turnedA ?? a,
    right: turnedB ?? b,
    out,
    M: left.rows,
    N: right.columns,
  });
  [turnedA, turnedB].forEach(copy => copy && backend.disposeData(copy.dataId));
  return out;
}

function sizes({ shape }: tf.TensorInfo, isTransposed: boolean) {
  const [rows, columns] = isTransposed ? [shape.at(-1)!, shape.at(-2)!] : shape.slice(-2);
  return { batch: shape.slice(0, -2).reduce((product, size) => product * size, 1), rows, columns };
}

/** Every matrix of the batch transposed, in blocks, which the backend's own kernel does not do. */
function turned(backend: WasmBackend, x: tf.TensorInfo): tf.TensorInfo {
  const [R, C] = x.shape.slice(-2);
  const out = backend.makeOutput([...x.shape.slice(0, -2), C, R], "float32");
  const from = backend.typedArrayFromHeap(x);
  const to = backend.typedArrayFromHeap(out); // both after the allocation, which may move the heap
  for (let start = 0; start < from.length; start += R * C) {
    for (let r0 = 0; r0 < R; r0 += BLOCK) {
      const r1 = Math.min(R, r0 + BLOCK);
      for (let c0 = 0; c0 < C; c0 += BLOCK) {
        const c1 = Math.min(C, c0 + BLOCK);
        for (let c = c0; c < c1; c++) {
          const target = start + c * R;
          for (let r = r0; r < r1; r++) {
            to[target + r] = from[start + r * C + c];
          }
        }
      }
    }
  }
  return out;
}

interface Product {
  /** `[..., M, K]`. */
  left: tf.TensorInfo;
  /** `[..., K, N]`. */
  right: tf.TensorInfo;
  out: tf.TensorInfo;
  M: number;
  N: number;
}

function multiply(backend: WasmBackend, { left, right, out, M, N }: Product): void {
  const K = left.shape.at(-1)!;
  const matMul = wasmMatMul(backend);
  const place = ({ dataId }: tf.TensorInfo) => backend.dataIdMap.get(dataId);
  const count = (x: tf.TensorInfo) => x.shape.slice(0, -2).reduce((p, size) => p * size, 1);
  const run = (leftId: number, rightId: number, outId: number, rows: number) =>
    matMul(leftId, shape3d(1, rows, K), 3, rightId, shape3d(1, K, N), 3, 0, 0, outId);
  const [numLeft, numRight] = [count(left), count(right)];
  if (numRight === 1) {
    run(place(left).id, place(right).id, place(out).id, numLeft * M); // a batch on the left adds rows
    return;
  }
  const numProducts = count(out);
  for (let n = 0; n < numProducts; n++) {
    const parts = [
      view(backend, place(left), numLeft === 1 ? 0 : n * M * K, M * K),
      view(backend, place(right), n * K * N, K * N),
      view(backend, place(out), n * M * N, M * N),
    ];
    run(parts[0], parts[1], parts[2], M);
    parts.forEach(id => backend.wasm.tfjs.disposeData(id)); // and XNNPACK's packed copy
  }
}

/** An id by which the backend knows a part of a tensor's memory. It owns no memory: dispose only by `wasm.tfjs.disposeData`. */
function view(
  backend: WasmBackend,
  { memoryOffset }: { memoryOffset: number },
  start: number,
  length: number,
): number {
  const id = backend.dataIdNextNumber++;
  backend.wasm.tfjs.registerTensor(id, length, memoryOffset + start * 4);
  return id;
}

const shape3d = (...shape: [number, number, number]) =>
  new Uint8Array(Int32Array.from(shape).buffer);

const wrapped = new WeakMap<WasmBackend, MatMul>();

function wasmMatMul(backend: WasmBackend): MatMul {
  let matMul = wrapped.get(backend);
  if (!matMul) {
    // The signature in tfjs-backend-wasm/src/kernels/BatchMatMul.ts.
    const operand = ["number", "array", "number"];
    matMul = backend.wasm.cwrap("BatchMatMul", null, [
      ...operand,
      ...operand,
      "number",
      "number",
      "number",
    ]);
    wrapped.set(backend, matMul);
  }
  return matMul;
}

function callOriginal(kernelName: string, args: KernelArguments) {
  const { kernelFunc } = original.get(kernelName)!;
  return kernelFunc(args);
}

// ── UnsortedSegmentSum ──

/** `out[s] = Σ_{i: segmentIds[i] = s} x[i]`; ignores ids outside `[0, numSegments)`, as the CPU backend does. */
function unsortedSegmentSum({ inputs, backend: wasm, attrs }: KernelArguments): tf.TensorInfo {
  const backend = wasm as WasmBackend;
  const { x, segmentIds } = inputs;
  const { numSegments } = attrs as { numSegments: number };
  const idRank = segmentIds.shape.length;
  const rowShape = x.shape.slice(idRank);
  const D = rowShape.reduce((product, size) => product * size, 1);
  const out = backend.makeOutput([numSegments, ...rowShape], x.dtype);
  const sums = backend.typedArrayFromHeap(out).fill(0);
  const values = backend.typedArrayFromHeap(x);
  backend.typedArrayFromHeap(segmentIds).forEach((segment: number, i: number) => {
    if (segment >= 0 && segment < numSegments) {
      for (let d = 0; d < D; d++) {
        sums[segment * D + d] += values[i * D + d];
      }
    }
  });
  return out;
}

// ── LogSoftmax ──

/** `x - ln Σ e^x` along the last axis, shifted by the row's maximum. */
function logSoftmax({ inputs, backend: wasm }: KernelArguments): tf.TensorInfo {
  const backend = wasm as WasmBackend;
  const { logits } = inputs;
  const out = backend.makeOutput(logits.shape, "float32");
  const from = backend.typedArrayFromHeap(logits);
  const to = backend.typedArrayFromHeap(out);
  const length = logits.shape.at(-1) ?? 1;
  for (let start = 0; start < from.length; start += length) {
    let max = -Infinity;
    for (let i = start; i < start + length; i++) {
      max = Math.max(max, from[i]);
    }
    let sum = 0;
    for (let i = start; i < start + length; i++) {
      sum += Math.exp(from[i] - max);
    }
    const shift = max + Math.log(sum);
    for (let i = start; i < start + length; i++) {
      to[i] = from[i] - shift;
    }
  }
  return out;
}
