/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { Random } from "../../../../src/ml/nn/random.js";
import {
  createDoubleProducts,
  type DoubleProducts,
} from "../../../../src/ml/ranking/double-products.js";
import {
  choleskyInverse,
  inverseOf,
  NotPositiveDefiniteError,
} from "../../../../src/ml/ranking/positive-definite.js";

/** `XᵀX + I` of random X `[2n, n]`, in double precision. */
function positiveDefinite(n: number): Float64Array {
  const X = new Random(n).normals(2 * n * n);
  const values = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < 2 * n; k++) {
        values[i * n + j] += X[k * n + i] * X[k * n + j];
      }
      values[i * n + j] += +(i === j);
    }
  }
  return values;
}

/** The largest entry of `A B - I`. */
function residual(a: Float64Array, b: Float64Array, n: number): number {
  let worst = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = i === j ? -1 : 0;
      for (let k = 0; k < n; k++) {
        sum += a[i * n + k] * b[k * n + j];
      }
      worst = Math.max(worst, Math.abs(sum));
    }
  }
  return worst;
}

describe("the inverse of a positive definite matrix", () => {
  let products: DoubleProducts;
  beforeAll(async () => {
    products = await createDoubleProducts({ numThreads: 1 });
  });
  afterAll(() => products.dispose());

  it("is NumPy's for a small matrix", () => {
    // np.linalg.inv([[4, 2, 1], [2, 3, 0], [1, 0, 2]]) = [[6, -4, -3], [-4, 7, 2], [-3, 2, 8]] / 13
    const inverse = choleskyInverse(Float64Array.from([4, 2, 1, 2, 3, 0, 1, 0, 2]), 3);
    const expected = [6, -4, -3, -4, 7, 2, -3, 2, 8].map(value => value / 13);
    expect([...inverse]).toBeAllclose(expected, { rtol: 1e-14 });
  });

  it.each([1, 96, 97, 251])("times the matrix is the identity: %d rows", async n => {
    const values = positiveDefinite(n);
    const inverse = await inverseOf({ shape: [n, n], values }, { products });
    expect(inverse.shape).toEqual([n, n]);
    expect(residual(values, inverse.values, n)).toBeLessThan(1e-11);
  });

  it("is the loops' result by blocks, and symmetric to the last bit", async () => {
    const n = 200;
    const values = positiveDefinite(n);
    const inverse = await inverseOf({ shape: [n, n], values }, { products });
    expect(inverse.values).toBeAllclose(choleskyInverse(values, n), { rtol: 1e-9, atol: 1e-12 });
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) {
        expect(inverse.values[i * n + j]).toBe(inverse.values[j * n + i]);
      }
    }
  });

  it.each([3, 130])("is refused for an indefinite matrix of %d rows", async n => {
    const values = positiveDefinite(n);
    values[n * n - 1] = -1;
    const inverse = inverseOf({ shape: [n, n], values }, { products });
    await expect(inverse).rejects.toThrow(NotPositiveDefiniteError);
  });

  it("stops by throwing the signal's reason", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    const identity = { shape: [1, 1] as const, values: Float64Array.of(1) };
    await expect(inverseOf(identity, { products, signal })).rejects.toThrow("enough");
  });
});
