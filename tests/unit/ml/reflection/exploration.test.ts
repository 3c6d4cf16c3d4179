import { type Matrix, matrix, row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { principalDirections, shapedNoise } from "../../../../src/ml/reflection/exploration.js";

/** Samples about (5, 5, …) whose coordinates have the given deviations. */
function samplesOf(deviations: readonly number[], count: number): Matrix {
  const random = new Random(2);
  const M = deviations.length;
  const values = Float32Array.from({ length: count * M }, (_, i) => {
    return 5 + deviations[i % M] * random.normal();
  });
  return matrix([count, M], values);
}

describe("principalDirections()", () => {
  it("have the most variance about the mean, and exclude the mean's direction", () => {
    const directions = principalDirections(samplesOf([0.1, 3, 0.1, 2], 400), 2, new Random(1));
    expect(Math.abs(row(directions, 0)[1])).toBeGreaterThan(0.99);
    expect(Math.abs(row(directions, 1)[3])).toBeGreaterThan(0.99);
  });

  it("are orthonormal", () => {
    const directions = principalDirections(samplesOf([1, 1, 1, 1, 1, 1], 50), 4, new Random(1));
    for (let a = 0; a < 4; a++) {
      for (let b = 0; b < 4; b++) {
        const product = row(directions, a).reduce(
          (sum, x, i) => sum + x * row(directions, b)[i],
          0,
        );
        expect(product).toBeCloseTo(a === b ? 1 : 0, 5);
      }
    }
  });

  it("are at most as many as the samples allow", () => {
    expect(() => principalDirections(samplesOf([1, 1, 1, 1], 3), 3, new Random(1))).toThrow(
      "expected 3 independent directions, got 2",
    );
  });
});

describe("shapedNoise()", () => {
  it("is the noise's own beginning without directions", () => {
    expect([...shapedNoise(Float32Array.of(1, 2, 3), 2, null)]).toEqual([1, 2]);
  });

  it("is the noise's projection on the directions, scaled to the same mean square", () => {
    const directions = matrix([1, 4], Float32Array.of(0, 1, 0, 0));
    expect([...shapedNoise(Float32Array.of(1, 2, 3, 4, 5), 4, directions)]).toEqual([0, 4, 0, 0]);
  });
});
