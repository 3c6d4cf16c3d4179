/** @file The dense kernels of the rankers on TensorFlow.js, on the backend that `loadTfjsBackend` chose. */
import * as tf from "@tensorflow/tfjs";
import { type Matrix, matrix } from "../nn/matrix.js";
import { topK } from "../nn/top-k.js";
import type {
  Attention,
  AttentionGradient,
  AttentionParameters,
  ContrastTile,
  DenseKernels,
  Neighbours,
} from "./dense-kernels.js";

// matMul's own transposes are slow on the WASM backend, so operands are transposed first.
const toTensor = ({ shape, values }: Matrix) => tf.tensor2d(values, [shape[0], shape[1]]);

const toMatrix = (tensor: tf.Tensor2D) =>
  matrix([tensor.shape[0], tensor.shape[1]], tensor.dataSync<"float32">());

/** `tf.tidy` for results that are not tensors. */
function tidied<T>(compute: () => T): T {
  let result: T;
  tf.tidy(() => {
    result = compute();
  });
  return result!;
}

export class TfjsKernels implements DenseKernels {
  readonly name = "tfjs";

  async matMul(
    a: Matrix,
    b: Matrix,
    transpose: { a?: boolean; b?: boolean } = {},
  ): Promise<Matrix> {
    return tidied(() => {
      const left = transpose.a ? tf.transpose(toTensor(a)) : toTensor(a);
      const right = transpose.b ? tf.transpose(toTensor(b)) : toTensor(b);
      return toMatrix(tf.matMul(left, right));
    });
  }

  async nearest(queries: Matrix, keys: Matrix, k: number): Promise<Neighbours> {
    const { shape, values } = await this.matMul(queries, keys, { b: true });
    const [T, N] = shape;
    const indices = new Int32Array(T * k);
    const similarities = new Float32Array(T * k);
    for (let t = 0; t < T; t++) {
      const scores = values.subarray(t * N, (t + 1) * N);
      topK(scores, k).forEach((index, place) => {
        indices[t * k + place] = index;
        similarities[t * k + place] = scores[index];
      });
    }
    return { indices, similarities };
  }

  async contrast(anchors: Matrix, keys: Matrix, temperature: number): Promise<ContrastTile> {
    return tidied(() => {
      const a = toTensor(anchors);
      const z = toTensor(keys);
      const exponentials = tf.exp(tf.matMul(tf.div(a, temperature), tf.transpose(z))); // [T, K]
      const own = tf.exp(tf.div(tf.sum(tf.square(a), 1, true), temperature)); // [T, 1]
      const denominators = tf.sub(tf.sum(exponentials, 1, true), own);
      const scaled = tf.div<tf.Tensor2D>(a, denominators);
      const rows = tf.div(tf.matMul(exponentials, z), denominators);
      // (scaledᵀ P)ᵀ instead of Pᵀ scaled: transposing [D, K] is cheap, transposing the tile [T, K] is not.
      const columns = tf.transpose(tf.matMul(tf.transpose(scaled), exponentials as tf.Tensor2D));
      return {
        denominators: denominators.dataSync<"float32">(),
        rowGradient: toMatrix(tf.sub<tf.Tensor2D>(rows, tf.mul(scaled, tf.mul(own, 2)))),
        columnProduct: toMatrix(columns as tf.Tensor2D),
      };
    });
  }

  async attention(view: Matrix, { weight, bias, query }: AttentionParameters): Promise<Attention> {
    return tidied(() => {
      const before = tf.add(tf.matMul(toTensor(view), toTensor(weight)), tf.tensor1d(bias));
      const hidden = tf.tanh(before) as tf.Tensor2D;
      const scores = tf.matMul(hidden, tf.tensor2d(query, [query.length, 1]));
      return { hidden: toMatrix(hidden), scores: scores.dataSync<"float32">() };
    });
  }

  async attentionGradient(
    view: Matrix,
    { weight, query }: AttentionParameters,
    hidden: Matrix,
    dScores: Float32Array,
  ): Promise<AttentionGradient> {
    return tidied(() => {
      const t = toTensor(hidden);
      const scores = tf.tensor2d(dScores, [dScores.length, 1]);
      const dHidden = tf.matMul(scores, tf.tensor2d(query, [1, query.length]));
      const dBefore = tf.mul<tf.Tensor2D>(dHidden, tf.sub(1, tf.square(t)));
      return {
        view: toMatrix(tf.matMul(dBefore, tf.transpose(toTensor(weight)))),
        weight: toMatrix(tf.matMul(tf.transpose(toTensor(view)), dBefore)),
        bias: tf.sum(dBefore, 0).dataSync<"float32">(),
        query: tf.matMul(tf.transpose(t), scores).dataSync<"float32">(),
      };
    });
  }

  async dispose(): Promise<void> {
    // Owns nothing: every tensor is disposed of within one call.
  }
}
