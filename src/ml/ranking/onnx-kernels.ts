/** @file The dense kernels of the rankers on ONNX Runtime, as small models created in memory. */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { type Matrix, matrix } from "../nn/matrix.js";
import { onnxModel, type OnnxNode } from "../runtime/onnx-graph.js";
import { type OnnxOptions, onnxSessionOptions } from "../runtime/onnx-session.js";
import type {
  Attention,
  AttentionGradient,
  AttentionParameters,
  ContrastTile,
  DenseKernels,
  Neighbours,
} from "./dense-kernels.js";

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

/** See `DenseKernels.contrast`; `own` are the anchors' own terms. A product with `ones` is faster than ReduceSum. */
function contrastModel(): Uint8Array {
  const nodes: OnnxNode[] = [
    { op: "Div", inputs: ["anchors", "temperature"], outputs: ["scaled"] },
    { op: "Mul", inputs: ["anchors", "scaled"], outputs: ["squares"] },
    { op: "ReduceSum", inputs: ["squares", "axes"], outputs: ["ownScores"] },
    { op: "Exp", inputs: ["ownScores"], outputs: ["own"] },
    { op: "Gemm", inputs: ["scaled", "keys"], outputs: ["s"], ints: { transB: 1 } },
    { op: "Exp", inputs: ["s"], outputs: ["p"] },
    { op: "MatMul", inputs: ["p", "ones"], outputs: ["sums"] },
    { op: "Sub", inputs: ["sums", "own"], outputs: ["denominators"] },
    { op: "Div", inputs: ["anchors", "denominators"], outputs: ["weighted"] },
    { op: "Gemm", inputs: ["p", "weighted"], outputs: ["columnProduct"], ints: { transA: 1 } },
    { op: "MatMul", inputs: ["p", "keys"], outputs: ["rowProduct"] },
    { op: "Div", inputs: ["rowProduct", "denominators"], outputs: ["rowMean"] },
    { op: "Add", inputs: ["own", "own"], outputs: ["twice"] },
    { op: "Mul", inputs: ["weighted", "twice"], outputs: ["ownPart"] },
    { op: "Sub", inputs: ["rowMean", "ownPart"], outputs: ["rowGradient"] },
  ];
  return onnxModel(
    nodes,
    [
      { name: "anchors", dimensions: ["T", "D"] },
      { name: "temperature", dimensions: ["1"] },
      { name: "axes", type: "int64", dimensions: ["1"] },
      { name: "keys", dimensions: ["K", "D"] },
      { name: "ones", dimensions: ["K", "1"] },
    ],
    [
      { name: "denominators", dimensions: ["T", "1"] },
      { name: "rowGradient", dimensions: ["T", "D"] },
      { name: "columnProduct", dimensions: ["K", "D"] },
    ],
  );
}

/** See `DenseKernels.attention`. */
function attentionModel(): Uint8Array {
  return onnxModel(
    [
      { op: "Gemm", inputs: ["view", "weight", "bias"], outputs: ["before"] },
      { op: "Tanh", inputs: ["before"], outputs: ["hidden"] },
      { op: "MatMul", inputs: ["hidden", "query"], outputs: ["scores"] },
    ],
    [
      { name: "view", dimensions: ["N", "D"] },
      { name: "weight", dimensions: ["D", "D"] },
      { name: "bias", dimensions: ["D"] },
      { name: "query", dimensions: ["D", "1"] },
    ],
    [
      { name: "hidden", dimensions: ["N", "D"] },
      { name: "scores", dimensions: ["N", "1"] },
    ],
  );
}

/** See `DenseKernels.attentionGradient`: `dBefore = dScores vᵀ (1 - t²)`. */
function attentionGradientModel(): Uint8Array {
  return onnxModel(
    [
      { op: "MatMul", inputs: ["dScores", "query"], outputs: ["dHidden"] },
      { op: "Mul", inputs: ["hidden", "hidden"], outputs: ["squares"] },
      { op: "Mul", inputs: ["dHidden", "squares"], outputs: ["lost"] },
      { op: "Sub", inputs: ["dHidden", "lost"], outputs: ["dBefore"] },
      { op: "Gemm", inputs: ["view", "dBefore"], outputs: ["dWeight"], ints: { transA: 1 } },
      { op: "Gemm", inputs: ["dBefore", "weight"], outputs: ["dView"], ints: { transB: 1 } },
      { op: "ReduceSum", inputs: ["dBefore", "axes"], outputs: ["dBias"], ints: { keepdims: 0 } },
      { op: "Gemm", inputs: ["hidden", "dScores"], outputs: ["dQuery"], ints: { transA: 1 } },
    ],
    [
      { name: "view", dimensions: ["N", "D"] },
      { name: "hidden", dimensions: ["N", "D"] },
      { name: "weight", dimensions: ["D", "D"] },
      { name: "query", dimensions: ["1", "D"] },
      { name: "dScores", dimensions: ["N", "1"] },
      { name: "axes", type: "int64", dimensions: ["1"] },
    ],
    [
      { name: "dWeight", dimensions: ["D", "D"] },
      { name: "dView", dimensions: ["N", "D"] },
      { name: "dBias", dimensions: ["D"] },
      { name: "dQuery", dimensions: ["D", "1"] },
    ],
  );
}

const toTensor = ({ shape, values }: Matrix) => new Tensor("float32", values, shape);

class OnnxKernels implements DenseKernels {
  readonly name = "onnxruntime";
  /** As long as the keys of the last {@link contrast}. */
  private ones = new Tensor("float32", new Float32Array(0), [0, 1]);

  constructor(
    private readonly products: readonly InferenceSession[],
    private readonly sessions: Readonly<
      Record<"nearest" | "contrast" | "attention" | "attentionGradient", InferenceSession>
    >,
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
    const { indices, similarities } = await this.sessions.nearest.run({
      queries: toTensor(queries),
      keys: toTensor(keys),
      k: new Tensor("int64", BigInt64Array.of(BigInt(k)), [1]),
    });
    return {
      indices: indices.data as Int32Array, // declared int32 in the model above
      similarities: toValues(similarities),
    };
  }

  async contrast(anchors: Matrix, keys: Matrix, temperature: number): Promise<ContrastTile> {
    const [K] = keys.shape;
    if (this.ones.size !== K) {
      this.ones = new Tensor("float32", new Float32Array(K).fill(1), [K, 1]);
    }
    const { denominators, rowGradient, columnProduct } = await this.sessions.contrast.run({
      anchors: toTensor(anchors),
      temperature: new Tensor("float32", Float32Array.of(temperature), [1]),
      axes: new Tensor("int64", BigInt64Array.of(1n), [1]),
      keys: toTensor(keys),
      ones: this.ones,
    });
    return {
      denominators: toValues(denominators),
      rowGradient: toMatrix(rowGradient),
      columnProduct: toMatrix(columnProduct),
    };
  }

  async attention(view: Matrix, parameters: AttentionParameters): Promise<Attention> {
    const { weight, bias, query } = parameters;
    const D = bias.length;
    const { hidden, scores } = await this.sessions.attention.run({
      view: toTensor(view),
      weight: toTensor(weight),
      bias: new Tensor("float32", bias, [D]),
      query: new Tensor("float32", query, [D, 1]),
    });
    return { hidden: toMatrix(hidden), scores: toValues(scores) };
  }

  async attentionGradient(
    view: Matrix,
    { weight, query }: AttentionParameters,
    hidden: Matrix,
    dScores: Float32Array,
  ): Promise<AttentionGradient> {
    const { dWeight, dView, dBias, dQuery } = await this.sessions.attentionGradient.run({
      view: toTensor(view),
      hidden: toTensor(hidden),
      weight: toTensor(weight),
      query: new Tensor("float32", query, [1, query.length]),
      dScores: new Tensor("float32", dScores, [dScores.length, 1]),
      axes: new Tensor("int64", BigInt64Array.of(0n), [1]),
    });
    return {
      view: toMatrix(dView),
      weight: toMatrix(dWeight),
      bias: toValues(dBias),
      query: toValues(dQuery),
    };
  }

  async dispose(): Promise<void> {
    const sessions = [...this.products, ...Object.values(this.sessions)];
    await Promise.all(sessions.map(session => session.release()));
  }
}

function toMatrix(tensor: Tensor): Matrix {
  return matrix([tensor.dims[0], tensor.dims[1]], toValues(tensor));
}

function toValues({ data }: Tensor): Float32Array {
  return data as Float32Array; // as the models above declare their outputs
}

/** Kernels with their own sessions; `options.numThreads` changes the speed and the last bits of results. */
export async function createOnnxKernels(options: OnnxOptions = {}): Promise<DenseKernels> {
  const create = (model: Uint8Array) => InferenceSession.create(model, onnxSessionOptions(options));
  const products = await Promise.all(transposes.map(transpose => create(matMulModel(transpose))));
  return new OnnxKernels(products, {
    nearest: await create(nearestModel()),
    contrast: await create(contrastModel()),
    attention: await create(attentionModel()),
    attentionGradient: await create(attentionGradientModel()),
  });
}
