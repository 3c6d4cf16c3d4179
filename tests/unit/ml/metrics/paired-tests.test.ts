import {
  holmAdjusted,
  pairedBootstrap,
  wilcoxonSignedRank,
} from "../../../../src/ml/metrics/paired-tests.js";
import { Random } from "../../../../src/ml/nn/random.js";

/** Darwin's maize, crossed against self-fertilized, eighths of an inch: Fisher 1935, chapter 3. */
const maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48];
/** Hamilton depression scale of nine patients, twice: Hollander and Wolfe 1973, page 29; R's example of `wilcox.test`. */
const first = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
const second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
const zeros = maize.map(() => 0);

describe("wilcoxonSignedRank()", () => {
  it("gives R's V = 40 and p = 2 x 0.01953 for the depression scale", () => {
    const { positiveRankSum, pValue } = wilcoxonSignedRank(first, second);
    expect(positiveRankSum).toBe(40);
    expect(pValue).toBeAllclose(0.0390625);
  });

  it("gives SciPy's 0.041259765625 for Darwin's maize", () => {
    const { positiveRankSum, pValue } = wilcoxonSignedRank(maize, zeros);
    expect(120 - positiveRankSum).toBe(24); // SciPy reports the smaller of the two sums
    expect(pValue).toBeAllclose(0.041259765625);
  });

  it("leaves out pairs without a difference, and shares the ranks of ties", () => {
    // |d| = 1, 1, 2 -> ranks 1.5, 1.5, 3; positive 1.5 + 3; of 8 sign choices 6 lie at least 1.5 from 3.
    expect(wilcoxonSignedRank([1, 0, 2, 5], [0, 1, 0, 5])).toEqual({
      positiveRankSum: 4.5,
      pValue: 0.75,
    });
  });

  it("approximates the exact value by the normal distribution for many pairs", () => {
    const values = [...new Random(5).normals(45)].map(value => Math.round(8 * (value + 0.3)));
    const none = values.map(() => 0);
    const exact = wilcoxonSignedRank(values, none).pValue;
    expect(wilcoxonSignedRank(values, none, 0).pValue).toBeAllclose(exact, { rtol: 0.05 });
  });

  it("is 1 without any difference", () => {
    expect(wilcoxonSignedRank([1, 2], [1, 2]).pValue).toBe(1);
  });
});

describe("pairedBootstrap()", () => {
  const noise = [...new Random(1).normals(400)];
  const other = [...new Random(2).normals(400)];

  it("agrees with the z-test of the mean difference", () => {
    const shifted = noise.map((value, i) => value + other[i] + 0.1);
    const { difference, interval, pValue } = pairedBootstrap(shifted, noise, new Random(3), 4_000);
    const mean = other.reduce((sum, value) => sum + value, 0) / 400 + 0.1;
    const variance = other.reduce((sum, value) => sum + (value + 0.1 - mean) ** 2, 0) / 400;
    const error = Math.sqrt(variance / 400);
    expect(difference).toBeAllclose(mean);
    expect(interval).toBeAllclose([mean - 1.96 * error, mean + 1.96 * error], {
      rtol: 0,
      atol: 0.2 * error,
    });
    const tail = normalTail(Math.abs(mean) / error);
    expect(pValue).toBeAllclose(2 * tail, { rtol: 0.2, atol: 0.01 });
  });

  it("rejects at 5 % about as often as it should under the null hypothesis", () => {
    let numRejected = 0;
    for (let trial = 0; trial < 200; trial++) {
      const random = new Random(trial);
      const a = [...random.normals(60)];
      const b = [...random.normals(60)];
      numRejected += pairedBootstrap(a, b, random.fork("test"), 400).pValue < 0.05 ? 1 : 0;
    }
    expect(numRejected).toBeGreaterThanOrEqual(2); // 10 expected, standard deviation 3.1
    expect(numRejected).toBeLessThanOrEqual(22);
  });

  it("refuses lists of different lengths", () => {
    expect(() => pairedBootstrap([1], [1, 2], new Random(1))).toThrow("got 1 and 2");
  });
});

describe("holmAdjusted()", () => {
  it("multiplies by the number of remaining comparisons, and never decreases", () => {
    // sorted 0.01, 0.03, 0.04 -> 3 x 0.01, 2 x 0.03, max(0.06, 0.04)
    expect(holmAdjusted([0.04, 0.01, 0.03])).toBeAllclose([0.06, 0.03, 0.06]);
    expect(holmAdjusted([0.9, 0.8])).toEqual([1, 1]);
  });
});

/** `P(Z > z)` by Simpson's rule. */
function normalTail(z: number): number {
  const steps = 2_000;
  const width = (10 - z) / steps;
  let sum = 0;
  for (let step = 0; step <= steps; step++) {
    const x = z + step * width;
    const weight = step === 0 || step === steps ? 1 : step % 2 ? 4 : 2;
    sum += weight * Math.exp((-x * x) / 2);
  }
  return (sum * width) / 3 / Math.sqrt(2 * Math.PI);
}
