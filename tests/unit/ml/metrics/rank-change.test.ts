import { bootstrapInterval } from "../../../../src/ml/metrics/bootstrap.js";
import { rankChange, summarizeRankChanges } from "../../../../src/ml/metrics/rank-change.js";
import { Random } from "../../../../src/ml/nn/random.js";

describe("rankChange()", () => {
  it("is positive when the rank gets better", () => {
    expect(rankChange(40, 12)).toBeAllclose(28 / 41);
    expect(rankChange(1, 1)).toBe(0);
    expect(rankChange(1, 201)).toBe(-100);
  });

  it("stays below 1 from above: (rank - 1) / (rank + 1) at best", () => {
    expect(rankChange(9, 1)).toBeAllclose(8 / 10);
  });

  it("refuses ranks from 0", () => {
    expect(() => rankChange(3, 0)).toThrow("expected ranks from 1, got 3 and 0");
  });
});

describe("summarizeRankChanges()", () => {
  it("is null without changes", () => {
    expect(summarizeRankChanges([])).toBeNull();
  });

  it("gives mean, median and win rate; those that did not move count half", () => {
    expect(summarizeRankChanges([0.5, -3, 0, 0.25])).toMatchObject({
      count: 4,
      mean: -0.5625,
      median: 0.125,
      winRate: 0.625,
    });
  });

  it("puts every change into one bin", () => {
    const { histogram } = summarizeRankChanges([-100, -4, -0.1, 0, 0.1, 1, 0.99])!;
    expect(histogram.reduce((sum, { count }) => sum + count, 0)).toBe(7);
    expect(histogram[0]).toEqual({ low: null, high: -4, count: 1 });
    expect(histogram.find(({ low }) => low === 0)).toEqual({ low: 0, high: 0.1, count: 1 });
    expect(histogram.at(-1)).toEqual({ low: 0.75, high: 1, count: 2 });
  });

  it("gives the same interval for the same seed", () => {
    const changes = [...new Random(1).normals(50)];
    const interval = (seed: number) => summarizeRankChanges(changes, { seed })!.meanInterval;
    expect(interval(1)).toEqual(interval(1));
    expect(interval(1)).not.toEqual(interval(2));
  });
});

describe("bootstrapInterval()", () => {
  it("is the normal interval of a mean, for many normal values", () => {
    const values = [...new Random(3).normals(400)];
    const mean = values.reduce((sum, value) => sum + value, 0) / 400;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 400;
    const error = 1.96 * Math.sqrt(variance / 400);
    // 2000 resamples give the ends to about 5 % of the error.
    expect(bootstrapInterval(values, 2_000, new Random(4))).toBeAllclose(
      [mean - error, mean + error],
      { rtol: 0, atol: 0.15 * error },
    );
  });
});
