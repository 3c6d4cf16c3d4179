import * as tf from "@tensorflow/tfjs";
import { matrix } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import {
  csrMatrix,
  type Entry,
  sparseMatMul,
  sparseProduct,
  transposed,
} from "../../../../src/ml/nn/sparse.js";
import { numericalGradient } from "../../../helpers/gradient.js";

const R = 40;
const C = 30;

function randomEntries(seed: number): Entry[] {
  const random = new Random(seed);
  return Array.from({ length: 200 }, () => [random.int(R), random.int(C), random.normal()]);
}

/** `A x` from the entries, in 64 bits. */
function denseProduct(entries: readonly Entry[], x: Float32Array, D: number): Float64Array {
  const result = new Float64Array(R * D);
  for (const [r, c, value] of entries) {
    for (let d = 0; d < D; d++) {
      result[r * D + d] += value * x[c * D + d];
    }
  }
  return result;
}

describe("sparseProduct()", () => {
  it.each([1, 7, 8, 19])("is the dense product, at width %i", D => {
    const entries = randomEntries(D);
    const x = matrix([C, D], new Random(1).normals(C * D));
    const product = sparseProduct(csrMatrix(entries, [R, C]), x);
    expect(product).toBeAllclose(denseProduct(entries, x.values, D), { atol: 1e-5 });
  });

  it("refuses a matrix of another height", () => {
    expect(() => sparseProduct(csrMatrix([], [2, 3]), matrix([2, 1]))).toThrow("must have 3 rows");
  });
});

describe("csrMatrix()", () => {
  it("adds up repeated positions", () => {
    const { values, columns } = csrMatrix(
      [
        [0, 1, 2],
        [0, 0, 1],
        [0, 1, 3],
      ],
      [1, 2],
    );
    expect([[...columns], [...values]]).toEqual([
      [0, 1],
      [1, 5],
    ]);
  });

  it("refuses positions outside", () => {
    expect(() => csrMatrix([[0, 2, 1]], [1, 2])).toThrow("expected places within [1,2], got [0,2]");
  });
});

describe("transposed()", () => {
  it("moves every entry, and is its own inverse", () => {
    const a = csrMatrix(randomEntries(5), [R, C]);
    const turned = csrMatrix(
      randomEntries(5).map(([r, c, value]): Entry => [c, r, value]),
      [C, R],
    );
    expect(transposed(a).values).toBeAllclose(turned.values, { atol: 1e-5 });
    expect(transposed(transposed(a))).toEqual(a);
  });
});

describe("sparseMatMul()", () => {
  const a = csrMatrix(
    [
      [0, 0, 2],
      [0, 2, -1],
      [1, 1, 0.5],
    ],
    [2, 3],
  );
  const x = tf.tensor2d([
    [0.3, -0.2],
    [0.5, 0.1],
    [-0.4, 0.7],
  ]);

  it("has the gradients of central differences", () => {
    const product = (t: tf.Tensor) =>
      sparseMatMul(a, t as tf.Tensor2D)
        .square()
        .sum();
    expect(tf.grad(product)(x)).toBeAllclose(numericalGradient(product, x), { atol: 1e-3 });
  });

  it("leaves no tensor behind but the result", () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => tf.grad(t => sparseMatMul(a, t as tf.Tensor2D).sum())(x)).dispose();
    sparseMatMul(a, x).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
