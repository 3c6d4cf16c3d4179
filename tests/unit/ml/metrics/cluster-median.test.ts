import { clusterMedianInterval, percentile } from "../../../../src/ml/metrics/bootstrap.js";
import { Random } from "../../../../src/ml/nn/random.js";

/** Draws the same clusters and sorts all their values. */
function byDefinition(values: number[], clusters: string[], numResamples: number, random: Random) {
  const names = [...new Set(clusters)];
  const medians = Array.from({ length: numResamples }, () => {
    const drawn = names.map(() => names[random.int(names.length)]);
    const all = drawn.flatMap(name => values.filter((_, place) => clusters[place] === name));
    return percentile(
      all.sort((a, b) => a - b),
      0.5,
    );
  }).sort((a, b) => a - b);
  return [percentile(medians, 0.025), percentile(medians, 0.975)];
}

describe("clusterMedianInterval()", () => {
  it("equals the interval of the medians of resamples that are written out", () => {
    const random = new Random(5);
    const values = Array.from({ length: 57 }, () => Math.round(random.uniform() * 20) / 10 - 1);
    const clusters = values.map(() => `user ${random.int(9)}`);
    const found = clusterMedianInterval(values, clusters, 200, new Random(3));
    const expected = byDefinition(values, clusters, 200, new Random(3));
    expect(found[0]).toBeCloseTo(expected[0], 12);
    expect(found[1]).toBeCloseTo(expected[1], 12);
    expect(found[0]).toBeLessThan(found[1]);
  });

  it("has no spread with one cluster", () => {
    expect(clusterMedianInterval([1, 5, 2], ["a", "a", "a"], 50, new Random(1))).toEqual([2, 2]);
  });
});
