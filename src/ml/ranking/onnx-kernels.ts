/** @file The dense kernels of the rankers on ONNX Runtime: three small models, written in memory. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { type Matrix, matrix } from "../nn/shape.js";
import { type OnnxOptions, onnxSessionOptions } from "../runtime/onnx-session.js";
import type { ContrastTile, DenseKernels, Neighbours } from "./dense-kernels.js";
import { onnxModel, type OnnxNode } from "./onnx-graph.js";

const transposes = [
  { a: false, b: false },
  { a: false, b: true },
  { a: true, b: false },
] as const;

/** `op(a) op(b)`. */
function matMulModel({ a, b }: (typeof transposes)[number]): Uint8Array {
  return onnxModel(
    [{ op: "Gemm", inputs: ["a", "b"], outputs: ["c"], ints: { transA: +a, transB: +b } }],
    [
      { name: "a", dimensions: ["a0", "a1"] },
      { name: "b", dimensions: ["b0", "b1"] },
    ],
    [{ name: "c", dimensions: ["c0", "c1"] }],
  );
}

/** The `k` highest dot products of each query with the keys. */
function nearestModel(): Uint8Array {
  return onnxModel(
    [
      { op: "Gemm", inputs: ["queries", "keys"], outputs: ["s"], ints: { transB: 1 } },
      { op: "TopK", inputs: ["s", "k"], outputs: ["similarities", "places"], ints: { axis: 1 } },
      { op: "Cast", inputs: ["places"], outputs: ["indices"], ints: { to: 6 } },
    ],
    [
      { name: "queries", dimensions: ["T", "D"] },
      { name: "keys", dimensions: ["N", "D"] },
      { name: "k", type: "int64", dimensions: ["1"] },
    ],
    [
      { name: "indices", type: "int32", dimensions: ["T", "k"] },
      { name: "similarities", dimensions: ["T", "k"] },
    ],
  );
}

/** See `DenseKernels.contrast`; `scaled` are the anchors over the temperature, `own` the anchors' own terms. */
function contrastModel(): Uint8Array {
  const nodes: OnnxNode[] = [
    { op: "Gemm", inputs: ["scaled", "keys"], outputs: ["s"], ints: { transB: 1 } },
    { op: "Exp", inputs: ["s"], outputs: ["p"] },
    { op: "MatMul", inputs: ["p", "ones"], outputs: ["sums"] },
    { op: "Sub", inputs: ["sums", "own"], outputs: ["denominators"] },
    { op: "MatMul", inputs: ["p", "keys"], outputs: ["rowProduct"] },
    { op: "Div", inputs: ["anchors", "denominators"], outputs: ["weighted"] },
    { op: "Gemm", inputs: ["p", "weighted"], outputs: ["columnProduct"], ints: { transA: 1 } },
  ];
  return onnxModel(
    nodes,
    [
      { name: "anchors", dimensions: ["T", "D"] },
      { name: "scaled", dimensions: ["T", "D"] },
      { name: "own", dimensions: ["T", "1"] },
      { name: "keys", dimensions: ["K", "D"] },
      { name: "ones", dimensions: ["K", "1"] },
    ],
    [
      { name: "denominators", dimensions: ["T", "1"] },
      { name: "rowProduct", dimensions: ["T", "D"] },
      { name: "columnProduct", dimensions: ["K", "D"] },
    ],
  );
}

const toTensor = ({ shape, values }: Matrix) => new Tensor("float32", values, shape);

/** Made by {@link createOnnxKernels}. */
class OnnxKernels implements DenseKernels {
  readonly name = "onnxruntime";

  constructor(
    private readonly products: readonly InferenceSession[],
    private readonly neighbours: InferenceSession,
    private readonly contrasts: InferenceSession,
  ) {}

  async matMul(
    a: Matrix,
    b: Matrix,
    transpose: { a?: boolean; b?: boolean } = {},
  ): Promise<Matrix> {
    const kind = transposes.findIndex(t => t.a === !!transpose.a && t.b === !!transpose.b);
    if (kind < 0) {
      throw new Error("OnnxKernels.matMul: expected at most one transposed operand, got two");
    }
    const { c } = await this.products[kind].run({ a: toTensor(a), b: toTensor(b) });
    return toMatrix(c);
  }

  async nearest(queries: Matrix, keys: Matrix, k: number): Promise<Neighbours> {
    const { indices, similarities } = await this.neighbours.run({
      queries: toTensor(queries),
      keys: toTensor(keys),
      k: new Tensor("int64", BigInt64Array.of(BigInt(k)), [1]),
    });
    return {
      indices: indices.data as Int32Array, // declared int32 in the model above
      similarities: similarities.data as Float32Array,
    };
  }

  async contrast(anchors: Matrix, keys: Matrix, temperature: number): Promise<ContrastTile> {
    const [T, D] = anchors.shape;
    const scaled = matrix([T, D]);
    const own = matrix([T, 1]);
    for (let t = 0; t < T; t++) {
      let squared = 0;
      for (let d = t * D; d < (t + 1) * D; d++) {
        scaled.values[d] = anchors.values[d] / temperature;
        squared += anchors.values[d] * scaled.values[d];
      }
      own.values[t] = Math.exp(squared);
    }
    const { denominators, rowProduct, columnProduct } = await this.contrasts.run({
      anchors: toTensor(anchors),
      scaled: toTensor(scaled),
      own: toTensor(own),
      keys: toTensor(keys),
      ones: new Tensor("float32", new Float32Array(keys.shape[0]).fill(1), [keys.shape[0], 1]),
    });
    return {
      denominators: denominators.data as Float32Array, // every output is float32 in the model above
      rowProduct: toMatrix(rowProduct),
      columnProduct: toMatrix(columnProduct),
    };
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.products, this.neighbours, this.contrasts].map(s => s.release()));
  }
}

function toMatrix({ data, dims }: Tensor): Matrix {
  return matrix([dims[0], dims[1]], data as Float32Array); // every output is float32
}

/** Kernels of their own sessions; `options.numThreads` changes the speed and the last bits of results. */
export async function createOnnxKernels(options: OnnxOptions = {}): Promise<DenseKernels> {
  const create = (model: Uint8Array) => InferenceSession.create(model, onnxSessionOptions(options));
  const products = await Promise.all(transposes.map(transpose => create(matMulModel(transpose))));
  return new OnnxKernels(products, await create(nearestModel()), await create(contrastModel()));
}
