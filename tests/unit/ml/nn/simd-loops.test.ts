import { type Matrix, matrix } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import {
  simdAdam,
  simdAddScaled,
  simdAddWeightedRows,
  simdNormalizedRowsGradient,
  simdNormalizeRows,
  simdRowDots,
} from "../../../../src/ml/nn/simd-loops.js";

const random = new Random(1);
const rows = (N: number, D: number) => matrix([N, D], random.normals(N * D));
const lines = ({ shape: [N, D], values }: Matrix) =>
  Array.from({ length: N }, (_, i) => Float64Array.from(values.subarray(i * D, (i + 1) * D)));
const product = (a: Float64Array, b: Float64Array) =>
  a.reduce((sum, value, d) => sum + value * b[d], 0);

/** One piece and several, the last of them not full, of one vector a row and of many. */
const shapes = [
  [300, 4],
  [40, 64],
  [1000, 64],
  [70, 1280],
] as const;

describe.each(shapes)("rows of [%i, %i]", (N, D) => {
  const x = rows(N, D);
  x.values.fill(0, D, 2 * D); // one without a direction
  const y = rows(N, D);
  const [xs, ys] = [lines(x), lines(y)];

  it("have their dot products", () => {
    const out = new Float32Array(N).fill(9);
    expect(simdRowDots(x, y, out)).toBe(true);
    const expected = xs.map((line, i) => product(line, ys[i]));
    expect(out).toBeAllclose(expected, { rtol: 1e-5, atol: 1e-4 });
  });

  it("are added with one weight each", () => {
    const weights = random.normals(N);
    const target = matrix([N, D], y.values.slice());
    expect(simdAddWeightedRows(target, x, weights)).toBe(true);
    const expected = ys.flatMap((line, i) => [...line.map((v, d) => v + weights[i] * xs[i][d])]);
    expect(target).toBeAllclose(expected, { atol: 1e-6 });
  });

  it("are divided by their length", () => {
    const target = new Float32Array(N * D).fill(9);
    expect(simdNormalizeRows(x, target)).toBe(true);
    const expected = xs.flatMap(line => {
      const length = Math.sqrt(product(line, line));
      return [...line.map(value => (length > 0 ? value / length : 0))];
    });
    expect(target).toBeAllclose(expected, { atol: 1e-6 });
  });

  it("have the gradient of the normalization", () => {
    const expected = xs.flatMap((line, i) => {
      const squared = product(line, line);
      const along = product(line, ys[i]) / squared;
      const scale = 0.7 / Math.sqrt(squared);
      return [...line.map((v, d) => (squared > 0 ? scale * (ys[i][d] - along * v) : 0))];
    });
    const dx = matrix([N, D], y.values.slice());
    expect(simdNormalizedRowsGradient(x, dx, dx, 0.7)).toBe(true); // in place
    expect(dx).toBeAllclose(expected, { rtol: 1e-5, atol: 1e-5 });
  });
});

describe.each([1024, 16_385, 100_003])("%i numbers", n => {
  it("are added with a factor", () => {
    const source = random.normals(n);
    const before = random.normals(n);
    const target = before.slice();
    expect(simdAddScaled(target, source, -0.3)).toBe(true);
    expect(target).toBeAllclose(
      before.map((value, i) => value - 0.3 * source[i]),
      { atol: 1e-6 },
    );
  });

  it("take the loop's Adam step, bit for bit", () => {
    const [values, first, gradient] = [random.normals(n), random.normals(n), random.normals(n)];
    const second = random.normals(n).map(Math.abs);
    const factors = { rate: 0.002, correction: 1.7, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    const expected = { values: values.slice(), first: first.slice(), second: second.slice() };
    for (let i = 0; i < n; i++) {
      const g = gradient[i];
      expected.first[i] = 0.9 * first[i] + (1 - 0.9) * g;
      expected.second[i] = 0.999 * second[i] + (1 - 0.999) * g * g;
      expected.values[i] -=
        (0.002 * expected.first[i]) / (Math.sqrt(expected.second[i] * 1.7) + 1e-8);
    }
    expect(simdAdam(values, { first, second }, gradient, factors)).toBe(true);
    expect(Buffer.from(values.buffer).equals(Buffer.from(expected.values.buffer))).toBe(true);
    expect(Buffer.from(first.buffer).equals(Buffer.from(expected.first.buffer))).toBe(true);
    expect(Buffer.from(second.buffer).equals(Buffer.from(expected.second.buffer))).toBe(true);
  });
});

describe("left to the caller's loop", () => {
  it.each([
    ["few numbers", simdAddScaled(new Float32Array(1023), new Float32Array(1023), 1)],
    ["64-bit numbers", simdNormalizeRows(float64Rows(64, 64), new Float32Array(64 * 64))],
    ["rows that are not whole vectors", simdNormalizeRows(rows(500, 6), new Float32Array(3000))],
    ["rows longer than a piece", simdNormalizeRows(rows(1, 16_388), new Float32Array(16_388))],
  ])("%s", (_, isDone) => {
    expect(isDone).toBe(false);
  });
});

function float64Rows(N: number, D: number): Matrix {
  return matrix([N, D], new Float64Array(N * D) as unknown as Float32Array);
}
