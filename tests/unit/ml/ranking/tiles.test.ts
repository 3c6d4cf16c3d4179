/**
 * Tiled and sparse computations against dense matrices, in 64 bits, on 300 items.
 *
 * @jest-environment ./tests/helpers/float64-environment.js
 */
import { type Matrix, matrix } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { contrastiveLoss } from "../../../../src/ml/ranking/contrastive-loss.js";
import {
  interactions,
  propagated,
  randomWalkAdjacency,
  symmetricAdjacency,
} from "../../../../src/ml/ranking/user-item-graph.js";
import { relativeError } from "../../../helpers/gradient.js";
import { PlainKernels } from "../../../helpers/plain-kernels.js";

const N = 300;
const D = 8;
const TEMPERATURE = 0.5;
const kernels = new PlainKernels();

const cosines = (a: Matrix, b: Matrix) => {
  const rows = ({ values }: Matrix) =>
    Array.from({ length: N }, (_, i) => values.subarray(i * D, (i + 1) * D));
  const lengths = (m: Matrix) => rows(m).map(line => Math.hypot(...line));
  const [lengthsA, lengthsB] = [lengths(a), lengths(b)];
  return rows(a).map((x, i) =>
    rows(b).map((y, j) => {
      let product = 0;
      for (let d = 0; d < D; d++) {
        product += x[d] * y[d];
      }
      return product / (lengthsA[i] * lengthsB[j]);
    }),
  );
};

describe("contrastiveLoss() in tiles", () => {
  const random = new Random(1);
  const view = matrix([N, D], random.normals(N * D));
  const fused = matrix([N, D], random.normals(N * D));
  const contrast = { views: [view], fused, temperature: TEMPERATURE };

  it.each([
    ["all items", Array.from({ length: N }, (_, i) => i)],
    ["every third", Array.from({ length: N / 3 }, (_, i) => 3 * i)],
  ])("is the dense formula, with %s as anchors", async (_, anchors) => {
    const e = (x: number) => Math.exp(x / TEMPERATURE);
    const within = cosines(view, view);
    const between = cosines(view, fused);
    let expected = 0;
    for (const i of anchors) {
      const sum = (line: number[]) => line.reduce((total, x) => total + e(x), 0);
      const denominator = sum(within[i]) + sum(between[i]) - e(within[i][i]);
      expected -= Math.log(e(between[i][i]) / denominator) / anchors.length;
    }
    const { loss } = await contrastiveLoss({ ...contrast, anchors, tileRows: 37 }, kernels);
    expect(Math.abs(loss / expected - 1)).toBeLessThan(1e-6);
  });

  it("has the same gradient for any tile size", async () => {
    const anchors = Array.from({ length: 100 }, (_, i) => (7 * i) % N);
    const whole = await contrastiveLoss({ ...contrast, anchors }, kernels);
    const tiled = await contrastiveLoss({ ...contrast, anchors, tileRows: 9 }, kernels);
    expect(relativeError(tiled.dViews[0].values, whole.dViews[0].values)).toBeLessThan(1e-9);
    expect(relativeError(tiled.dFused.values, whole.dFused.values)).toBeLessThan(1e-9);
  });

  it("is unbiased with random anchors: the mean of draws within 4 standard errors of the whole", async () => {
    const draws = 300;
    const all = Array.from({ length: N }, (_, i) => i);
    const { loss: whole } = await contrastiveLoss({ ...contrast, anchors: all }, kernels);
    const losses: number[] = [];
    for (let draw = 0; draw < draws; draw++) {
      const anchors = random.shuffled(all).slice(0, 8);
      losses.push((await contrastiveLoss({ ...contrast, anchors }, kernels)).loss);
    }
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / draws;
    const variance = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / (draws - 1);
    const z = (mean - whole) / Math.sqrt(variance / draws);
    expect(Math.abs(z)).toBeLessThan(4);
  });
});

describe("propagated() over sparse graphs", () => {
  const M = 40;
  const random = new Random(2);
  const train = Array.from({ length: M }, () =>
    Int32Array.from(new Set(Array.from({ length: 9 }, () => random.int(N)))).sort(),
  );
  const V = M + N;
  const x = matrix([V, D], random.normals(V * D));

  it.each([
    ["random-walk", randomWalkAdjacency(train, N), true],
    ["symmetric", symmetricAdjacency(train, N), false],
  ])("is the dense product with the %s adjacency", (_, adjacency, isWalk) => {
    const dense = Array.from({ length: V }, (__, a) =>
      new Array<number>(V).fill(0).fill(isWalk ? 1 : 0, a, a + 1),
    );
    const { users, items } = interactions(train);
    users.forEach((user, at) => {
      dense[user][M + items[at]] = dense[M + items[at]][user] = 1;
    });
    const degrees = dense.map(line => line.reduce((sum, value) => sum + value, 0));
    const scaled = dense.map((line, a) =>
      line.map((value, b) =>
        value === 0 ? 0 : value / (isWalk ? degrees[a] : Math.sqrt(degrees[a] * degrees[b])),
      ),
    );
    const times = (values: Float64Array) => {
      const result = new Float64Array(V * D);
      scaled.forEach((line, a) =>
        line.forEach((value, b) => {
          for (let d = 0; value !== 0 && d < D; d++) {
            result[a * D + d] += value * values[b * D + d];
          }
        }),
      );
      return result;
    };
    const E0 = Float64Array.from(x.values);
    const E1 = times(E0);
    const E2 = times(E1);
    const expected = E0.map((value, at) => (value + E1[at] + E2[at]) / 3);
    expect(relativeError(propagated(adjacency, x, 2).values, expected)).toBeLessThan(1e-6);
  });
});
