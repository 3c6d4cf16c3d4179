/**
 * @file Products of dense matrices in double precision on ONNX Runtime, for linear systems whose solution would lose its
 * digits in single precision.
 */
import { InferenceSession, Tensor } from "onnxruntime-node";
import { onnxModel } from "../runtime/onnx-graph.js";
import { type OnnxOptions, onnxSessionOptions } from "../runtime/onnx-session.js";

/** A dense matrix of doubles, row by row. */
export interface DoubleMatrix {
  readonly shape: readonly [rows: number, columns: number];
  readonly values: Float64Array;
}

export interface DoubleProducts {
  /** `a b`; `a bᵀ` on request. */
  multiply(
    a: DoubleMatrix,
    b: DoubleMatrix,
    transpose?: { a?: boolean; b?: boolean },
  ): Promise<DoubleMatrix>;

  dispose(): Promise<void>;
}

const kinds = [
  { a: false, b: false },
  { a: false, b: true },
  { a: true, b: false },
] as const;

function productModel({ a, b }: (typeof kinds)[number]): Uint8Array {
  const type = "float64";
  return onnxModel(
    [{ op: "Gemm", inputs: ["a", "b"], outputs: ["c"], ints: { transA: +a, transB: +b } }],
    [
      { name: "a", type, dimensions: ["a0", "a1"] },
      { name: "b", type, dimensions: ["b0", "b1"] },
    ],
    [{ name: "c", type, dimensions: ["c0", "c1"] }],
  );
}

/** Products with their own sessions, on the CPU; `options.numThreads` changes the speed and the last bits of results. */
export async function createDoubleProducts(options: OnnxOptions = {}): Promise<DoubleProducts> {
  const onCpu = { ...options, executionProviders: ["cpu"] };
  const sessions = await Promise.all(
    kinds.map(kind => InferenceSession.create(productModel(kind), onnxSessionOptions(onCpu))),
  );
  const toTensor = ({ shape, values }: DoubleMatrix) => new Tensor("float64", values, shape);
  return {
    async multiply(a, b, transpose = {}) {
      const kind = kinds.findIndex(k => k.a === !!transpose.a && k.b === !!transpose.b);
      if (kind < 0) {
        throw new Error("DoubleProducts: expected at most one transposed operand, got two");
      }
      const { c } = await sessions[kind].run({ a: toTensor(a), b: toTensor(b) });
      const values = c.data as Float64Array; // declared float64 in the model above
      return { shape: [c.dims[0], c.dims[1]], values };
    },
    async dispose() {
      await Promise.all(sessions.map(session => session.release()));
    },
  };
}
