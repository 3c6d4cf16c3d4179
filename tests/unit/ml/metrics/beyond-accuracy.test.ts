import {
  coverage,
  giniIndex,
  novelty,
  recommendationCounts,
} from "../../../../src/ml/metrics/beyond-accuracy.js";

describe("beyond accuracy", () => {
  // Three users, four items; the third rank does not count at K = 2.
  const rankings = [
    [0, 1, 3],
    [0, 2, 3],
    [0, 1, 2],
  ];
  const counts = recommendationCounts(rankings, 4, 2);

  it("counts the first K", () => {
    expect([...counts]).toEqual([3, 2, 1, 0]);
  });

  it("covers three of four items", () => {
    expect(coverage(counts)).toBe(0.75);
  });

  it("has the Gini index of 0, 1, 2, 3", () => {
    // ((2 - 5) 0 + (4 - 5) 1 + (6 - 5) 2 + (8 - 5) 3) / (3 x 6) = 10 / 18
    expect(giniIndex(counts)).toBeAllclose(10 / 18);
  });

  it("has a Gini index of 0 for all alike and 1 for one alone", () => {
    expect(giniIndex([5, 5, 5])).toBe(0);
    expect(giniIndex([0, 9, 0])).toBe(1);
    expect([giniIndex([3]), giniIndex([0, 0])]).toEqual([0, 0]);
  });

  it("is the Gini index that the mean absolute difference gives", () => {
    // G = Σ_ij |c_i - c_j| / (2 N Σ c), times N / (N - 1) for the form of the handbook.
    const values = [7, 0, 3, 3, 12, 1];
    const total = values.reduce((sum, c) => sum + c, 0);
    const differences = values.flatMap(a => values.map(b => Math.abs(a - b)));
    const plain = differences.reduce((sum, d) => sum + d, 0) / (2 * values.length * total);
    expect(giniIndex(values)).toBeAllclose((plain * 6) / 5);
  });

  it("has the mean self-information of what is recommended", () => {
    // Of 8 users 8, 4 and 1 chose the items: 0, 1 and 3 bits, 3, 2 and 1 times; never chosen counts as once.
    expect(novelty(counts, [8, 4, 1, 0], 8)).toBeAllclose((3 * 0 + 2 * 1 + 1 * 3) / 6);
    expect(novelty([0, 0, 0, 2], [8, 4, 1, 0], 8)).toBe(3);
    expect(novelty([0, 0], [1, 1], 4)).toBe(0);
  });
});
