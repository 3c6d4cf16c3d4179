/** @file The rankers' dense kernels as plain loops, summed in 64 bits: the oracle of the fast ones. */
import { type Matrix, matrix } from "../../src/ml/nn/matrix.js";
import { topK } from "../../src/ml/nn/top-k.js";
import type {
  Attention,
  AttentionGradient,
  AttentionParameters,
  ContrastTile,
  DenseKernels,
  Neighbours,
} from "../../src/ml/ranking/dense-kernels.js";

const at = ({ shape, values }: Matrix, isTransposed: boolean, r: number, c: number) =>
  isTransposed ? values[c * shape[1] + r] : values[r * shape[1] + c];

export class PlainKernels implements DenseKernels {
  readonly name = "plain";

  async matMul(
    a: Matrix,
    b: Matrix,
    transpose: { a?: boolean; b?: boolean } = {},
  ): Promise<Matrix> {
    const [rows, inner] = transpose.a ? [a.shape[1], a.shape[0]] : a.shape;
    const columns = transpose.b ? b.shape[0] : b.shape[1];
    const result = matrix([rows, columns]);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          sum += at(a, !!transpose.a, r, k) * at(b, !!transpose.b, k, c);
        }
        result.values[r * columns + c] = sum;
      }
    }
    return result;
  }

  async nearest(queries: Matrix, keys: Matrix, k: number): Promise<Neighbours> {
    const { shape, values } = await this.matMul(queries, keys, { b: true });
    const indices: number[] = [];
    const similarities: number[] = [];
    for (let t = 0; t < shape[0]; t++) {
      const scores = values.subarray(t * shape[1], (t + 1) * shape[1]);
      for (const index of topK(scores, k)) {
        indices.push(index);
        similarities.push(scores[index]);
      }
    }
    return { indices: Int32Array.from(indices), similarities: Float32Array.from(similarities) };
  }

  async contrast(anchors: Matrix, keys: Matrix, temperature: number): Promise<ContrastTile> {
    const [T, D] = anchors.shape;
    const [K] = keys.shape;
    const tile: ContrastTile = {
      denominators: new Float32Array(T),
      rowGradient: matrix([T, D]),
      columnProduct: matrix([K, D]),
    };
    const product = (a: Matrix, i: number, b: Matrix, j: number) => {
      let sum = 0;
      for (let d = 0; d < D; d++) {
        sum += a.values[i * D + d] * b.values[j * D + d];
      }
      return sum;
    };
    const sums = new Float64Array(K * D);
    for (let t = 0; t < T; t++) {
      const weights = Float64Array.from({ length: K }, (_, j) =>
        Math.exp(product(anchors, t, keys, j) / temperature),
      );
      const own = Math.exp(product(anchors, t, anchors, t) / temperature);
      const denominator = weights.reduce((sum, weight) => sum + weight, 0) - own;
      tile.denominators[t] = denominator;
      for (let d = 0; d < D; d++) {
        let rowSum = 0;
        for (let j = 0; j < K; j++) {
          rowSum += weights[j] * keys.values[j * D + d];
          sums[j * D + d] += (weights[j] * anchors.values[t * D + d]) / denominator;
        }
        const ownPart = 2 * own * anchors.values[t * D + d];
        tile.rowGradient.values[t * D + d] = (rowSum - ownPart) / denominator;
      }
    }
    tile.columnProduct.values.set(sums);
    return tile;
  }

  async attention(view: Matrix, { weight, bias, query }: AttentionParameters): Promise<Attention> {
    const D = bias.length;
    const hidden = await this.matMul(view, weight);
    const scores = new Float32Array(view.shape[0]);
    for (let at = 0; at < hidden.values.length; at++) {
      hidden.values[at] = Math.tanh(hidden.values[at] + bias[at % D]);
      scores[Math.floor(at / D)] += hidden.values[at] * query[at % D];
    }
    return { hidden, scores };
  }

  async attentionGradient(
    view: Matrix,
    { weight, query }: AttentionParameters,
    hidden: Matrix,
    dScores: Float32Array,
  ): Promise<AttentionGradient> {
    const D = query.length;
    const dBefore = matrix(view.shape);
    const bias = new Float32Array(D);
    const dQuery = new Float32Array(D);
    for (let at = 0; at < dBefore.values.length; at++) {
      const d = at % D;
      const dScore = dScores[Math.floor(at / D)];
      const value = dScore * query[d] * (1 - hidden.values[at] ** 2);
      dBefore.values[at] = value;
      bias[d] += value;
      dQuery[d] += dScore * hidden.values[at];
    }
    return {
      view: await this.matMul(dBefore, weight, { b: true }),
      weight: await this.matMul(view, dBefore, { a: true }),
      bias,
      query: dQuery,
    };
  }

  async dispose(): Promise<void> {
    // Owns nothing.
  }
}
