import {
  bootstrapInterval,
  clusterBootstrapInterval,
} from "../../../../src/ml/metrics/bootstrap.js";
import { rankChange, summarizeRankChanges } from "../../../../src/ml/metrics/rank-change.js";
import { Random } from "../../../../src/ml/nn/random.js";

describe("rankChange()", () => {
  it("is positive when the rank improves", () => {
    expect(rankChange(40, 12)).toBeAllclose(28 / 41);
    expect(rankChange(1, 1)).toBe(0);
    expect(rankChange(1, 201)).toBe(-100);
  });

  it("is below 1: at most (rank - 1) / (rank + 1)", () => {
    expect(rankChange(9, 1)).toBeAllclose(8 / 10);
  });

  it("refuses ranks below 1", () => {
    expect(() => rankChange(3, 0)).toThrow("expected ranks from 1, got 3 and 0");
  });
});

describe("summarizeRankChanges()", () => {
  it("is null without changes", () => {
    expect(summarizeRankChanges([], [])).toBeNull();
  });

  it("gives mean, median and win rate; unchanged ranks count half", () => {
    expect(summarizeRankChanges([0.5, -3, 0, 0.25], ["a", "b", "a", "c"])).toMatchObject({
      count: 4,
      mean: -0.5625,
      median: 0.125,
      winRate: 0.625,
    });
  });

  it("puts every change into one bin", () => {
    const changes = [-100, -4, -0.1, 0, 0.1, 1, 0.99];
    const { histogram } = summarizeRankChanges(changes, changes.map(String))!;
    expect(histogram.reduce((sum, { count }) => sum + count, 0)).toBe(7);
    expect(histogram[0]).toEqual({ low: null, high: -4, count: 1 });
    expect(histogram.find(({ low }) => low === 0)).toEqual({ low: 0, high: 0.1, count: 1 });
    expect(histogram.at(-1)).toEqual({ low: 0.75, high: 1, count: 2 });
  });

  it("gives the same interval for the same seed", () => {
    const changes = [...new Random(1).normals(50)];
    const interval = (seed: number) =>
      summarizeRankChanges(changes, changes.map(String), { seed })!.meanInterval;
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

describe("clusterBootstrapInterval()", () => {
  /** 40 users with 25 values each, which differ between users alone. */
  const ofUsers = [...new Random(5).normals(40)];
  const values = ofUsers.flatMap(value => Array.from({ length: 25 }, () => value));
  const users = ofUsers.flatMap((_, user) => Array.from({ length: 25 }, () => `u${user}`));

  it("equals the interval of the users' means for equal group sizes", () => {
    const mean = ofUsers.reduce((sum, value) => sum + value, 0) / 40;
    const variance = ofUsers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 40;
    const error = 1.96 * Math.sqrt(variance / 40);
    expect(clusterBootstrapInterval(values, users, 2_000, new Random(6))).toBeAllclose(
      [mean - error, mean + error],
      { rtol: 0, atol: 0.15 * error },
    );
  });

  it("is five times as wide as with the 25 values of a user as 25 users", () => {
    const width = ([low, high]: [number, number]) => high - low;
    const over = width(clusterBootstrapInterval(values, users, 2_000, new Random(6)));
    const naive = width(bootstrapInterval(values, 2_000, new Random(6)));
    expect(over / naive).toBeGreaterThan(4);
    expect(over / naive).toBeLessThan(6);
  });

  it("weights users by their number of values", () => {
    // Resamples of two users: mean 0, 1, or that of all four values.
    const random = new Random(1);
    const [low, high] = clusterBootstrapInterval([0, 1, 1, 1], ["a", "b", "b", "b"], 500, random);
    expect([low, high]).toEqual([0, 1]);
  });
});
