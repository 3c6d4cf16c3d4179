import { chiSquareTail, friedmanTest } from "../../../../src/ml/metrics/rank-agreement.js";

/** Times of 22 players to first base by three methods: Hollander and Wolfe 1973, page 140; R's example of `friedman.test`. */
const roundingTimes = [
  [5.4, 5.5, 5.55],
  [5.85, 5.7, 5.75],
  [5.2, 5.6, 5.5],
  [5.55, 5.5, 5.4],
  [5.9, 5.85, 5.7],
  [5.45, 5.55, 5.6],
  [5.4, 5.4, 5.35],
  [5.45, 5.5, 5.35],
  [5.25, 5.15, 5.0],
  [5.85, 5.8, 5.7],
  [5.25, 5.2, 5.1],
  [5.65, 5.55, 5.45],
  [5.6, 5.35, 5.45],
  [5.05, 5.0, 4.95],
  [5.5, 5.5, 5.4],
  [5.45, 5.55, 5.5],
  [5.55, 5.55, 5.35],
  [5.45, 5.5, 5.55],
  [5.5, 5.45, 5.25],
  [5.65, 5.6, 5.4],
  [5.7, 5.65, 5.55],
  [6.3, 6.3, 6.25],
];

describe("friedmanTest()", () => {
  it("gives R's 11.143, 2 degrees of freedom and p = 0.003805 for the rounding times, with ties", () => {
    const test = friedmanTest(roundingTimes)!;
    expect(test.chiSquare).toBeAllclose(11.142857142857132);
    expect(test.degreesOfFreedom).toBe(2);
    expect(test.pValue).toBeAllclose(0.003805040775511383);
    expect(test.concordance).toBeAllclose(0.253246753246753);
  });

  it("gives SciPy's 12.3038 and 0.01523 for five things and four judges, one of whom ties two", () => {
    const test = friedmanTest([
      [1, 2, 3, 4, 5],
      [2, 1, 4, 3, 5],
      [1, 3, 2, 5, 4],
      [1.5, 1.5, 4, 3, 5],
    ])!;
    expect(test.chiSquare).toBeAllclose(12.303797468354436);
    expect(test.pValue).toBeAllclose(0.015229501325835993);
  });

  it("has concordance 1 where all judges rank alike, and 0 where they cancel out", () => {
    const alike = [1, 2, 3];
    expect(friedmanTest([alike, alike, alike])!.concordance).toBe(1);
    expect(friedmanTest([alike, [3, 2, 1]])).toEqual({
      chiSquare: 0,
      degreesOfFreedom: 2,
      pValue: 1,
      concordance: 0,
    });
  });

  it("tests nothing with one judge, one thing, or ties only", () => {
    expect(friedmanTest([])).toBeNull();
    expect(friedmanTest([[1, 2]])).toBeNull();
    expect(friedmanTest([[1], [2]])).toBeNull();
    expect(
      friedmanTest([
        [4, 4],
        [2, 2],
      ]),
    ).toBeNull();
    expect(() => friedmanTest([[1, 2], [1]])).toThrow("expected 2 values");
  });
});

describe("chiSquareTail()", () => {
  it.each([
    [3.84, 1, 0.05004352124870519],
    [11.1429, 2, 0.0038049592397969186],
    [7.5, 3, 0.0575584519726364],
    [0.2, 4, 0.9953211598395555],
    [30, 5, 1.4748581038443073e-5],
    [2, 7, 0.9598403687301016],
    [100, 2, 1.9287498479639183e-22],
  ])("of %d with %d degrees of freedom is SciPy's %d", (x, degreesOfFreedom, expected) => {
    expect(chiSquareTail(x, degreesOfFreedom)).toBeAllclose(expected, { rtol: 1e-6, atol: 0 });
  });

  it("is 1 at 0, and refuses a part of a degree", () => {
    expect(chiSquareTail(0, 3)).toBe(1);
    expect(() => chiSquareTail(1, 1.5)).toThrow("degrees of freedom");
  });
});
