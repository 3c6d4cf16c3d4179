import { type Matrix, matrix, row } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import {
  effectOf,
  fitConditionEffect,
  type ObservedPair,
} from "../../../../src/ml/reflection/condition-effect.js";
import {
  componentsOf,
  principalComponents,
} from "../../../../src/ml/reflection/principal-components.js";
import { ridgeByGroups } from "../../../../src/ml/reflection/ridge.js";

const rowsOf = (rows: readonly (readonly number[])[]): Matrix =>
  matrix([rows.length, rows[0].length], Float32Array.from(rows.flat()));

describe("ridgeByGroups()", () => {
  it("is the closed form of its strength", () => {
    const inputs = rowsOf([
      [1, 0],
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    const outputs = rowsOf([[1], [3], [3], [6]]);
    const { lambda, weights } = ridgeByGroups({ inputs, outputs, groups: [0, 1, 2, 3] });
    // By hand: XᵀX = [[6, 3], [3, 3]], XᵀY = [16, 12], and 4 λ on the diagonal.
    const [a, b, d] = [6 + 4 * lambda, 3, 3 + 4 * lambda];
    const determinant = a * d - b * b;
    expect(weights.values[0]).toBeCloseTo((16 * d - 12 * b) / determinant, 4);
    expect(weights.values[1]).toBeCloseTo((12 * a - 16 * b) / determinant, 4);
  });

  it("explains held-out groups where there is a law, and shrinks to nothing where there is none", () => {
    const random = new Random(3);
    const n = 200;
    const inputs = matrix([n, 3], random.normals(3 * n));
    const groups = Array.from({ length: n }, (_, at) => at % 20);
    const law = matrix([n, 1]);
    for (let at = 0; at < n; at++) {
      const [x, y, z] = row(inputs, at);
      law.values[at] = 2 * x - y + 0.5 * z;
    }
    const fitted = ridgeByGroups({ inputs, outputs: law, groups });
    expect(fitted.heldOutR2).toBeGreaterThan(0.999);
    [2, -1, 0.5].forEach((weight, f) => {
      expect(fitted.weights.values[f]).toBeCloseTo(weight, 1);
    });
    const noise = ridgeByGroups({ inputs, outputs: matrix([n, 1], random.normals(n)), groups });
    expect(noise.heldOutR2).toBeLessThan(0.05);
    expect(noise.lambda).toBeGreaterThan(fitted.lambda);
  });

  it("refuses rows of a single group: nothing could be held out", () => {
    const data = { inputs: rowsOf([[1], [2]]), outputs: rowsOf([[1], [2]]), groups: [7, 7] };
    expect(() => ridgeByGroups(data)).toThrow("at least 2 groups");
  });
});

describe("fitConditionEffect()", () => {
  const [X, K, N] = [3, 4, 8];

  /** Pairs whose outcome is `base + Σ x_a z_k W_ak`, W by its place, and a base of the pair's own. */
  function world(sign: 1 | -1 = 1) {
    const random = new Random(5);
    const truth = random.normals(X * K);
    const effect = (context: Float32Array, z: Float32Array) =>
      context.reduce(
        (sum, x, a) => sum + x * z.reduce((part, value, k) => part + value * truth[a * K + k], 0),
        0,
      );
    const pairs = Array.from({ length: 40 }, (_, group): ObservedPair => {
      const context = Float32Array.of(1, ...random.normals(X - 1));
      const conditions = matrix([N, K], random.normals(N * K));
      const outcomes = matrix([N, 1]);
      const base = 10 * random.normal();
      for (let n = 0; n < N; n++) {
        outcomes.values[n] = base + sign * effect(context, row(conditions, n));
      }
      return { context, conditions, outcomes, group };
    });
    return { effect, pairs };
  }

  /** Mean true effect of the condition that the fit expects most of, for contexts that it has not seen. */
  function gained(sign: 1 | -1): { chosen: number; best: number } {
    const { effect, pairs } = world(sign);
    const fit = fitConditionEffect(pairs);
    const random = new Random(11);
    let [chosen, best] = [0, 0];
    for (let trial = 0; trial < 50; trial++) {
      const context = Float32Array.of(1, ...random.normals(X - 1));
      const menu = Array.from({ length: N }, () => random.normals(K));
      const expected = menu.map(z => effectOf(fit, context, z)[0]);
      const truths = menu.map(z => effect(context, z));
      chosen += truths[expected.indexOf(Math.max(...expected))] / 50;
      best += Math.max(...truths) / 50;
    }
    return { chosen, best };
  }

  it("finds the best condition of a linear world, whatever each pair's own level is", () => {
    const { best, chosen } = gained(1);
    expect(best).toBeGreaterThan(1);
    expect(chosen).toBeCloseTo(best, 5);
    expect(fitConditionEffect(world().pairs).heldOutR2).toBeGreaterThan(0.99);
  });

  it("finds the worst with the reward's sign flipped", () => {
    expect(gained(-1).chosen).toBeLessThan(-1);
  });
});

describe("principalComponents()", () => {
  it("gives standardised coordinates along the directions of most variance", () => {
    const random = new Random(2);
    const samples = matrix([500, 3]);
    for (let s = 0; s < 500; s++) {
      row(samples, s).set([5 + 3 * random.normal(), 1 + random.normal(), 0.1 * random.normal()]);
    }
    const components = principalComponents(samples, 2);
    expect(components.spreads[0]).toBeCloseTo(3, 0);
    expect(components.spreads[1]).toBeCloseTo(1, 0);
    const [first, second] = componentsOf(components, Float32Array.of(11, 1, 0));
    expect(Math.abs(first)).toBeCloseTo(2, 0); // two standard deviations from the mean
    expect(Math.abs(second)).toBeLessThan(0.3);
  });
});
