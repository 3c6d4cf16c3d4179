import { Random, seedFrom } from "../../../../src/ml/nn/random.js";

describe("Random", () => {
  it("gives the same numbers for the same seed", () => {
    expect(new Random(7).normals(5)).toEqual(new Random(7).normals(5));
    expect(new Random(7).uniform()).not.toBe(new Random(8).uniform());
  });

  it("forks streams that are independent of the parent's position", () => {
    const parent = new Random(1);
    const before = parent.fork("noise").uniform();
    parent.uniform();
    expect(parent.fork("noise").uniform()).toBe(before);
    expect(parent.fork("other").uniform()).not.toBe(before);
  });

  it("draws standard normals", () => {
    const values = new Random(3).normals(20_000);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    // Standard errors: 1 / sqrt(20,000) = 0.0071 and sqrt(2 / 20,000) = 0.01.
    expect(Math.abs(mean)).toBeLessThan(4 * 0.0071);
    expect(Math.abs(variance - 1)).toBeLessThan(4 * 0.01);
  });

  it("shuffles without losing anything", () => {
    const values = Array.from({ length: 50 }, (_, index) => index);
    const shuffled = new Random(2).shuffled(values);
    expect(shuffled).not.toEqual(values);
    expect(shuffled.sort((a, b) => a - b)).toEqual(values);
  });

  it("draws indices in proportion to their weights", () => {
    const random = new Random(5);
    const counts = [0, 0, 0];
    for (let i = 0; i < 8_000; i++) {
      counts[random.weightedIndex([1, 0, 3])]++;
    }
    expect(counts[1]).toBe(0);
    expect(Math.abs(counts[0] - 2_000)).toBeLessThan(4 * Math.sqrt(8_000 * 0.25 * 0.75));
  });
});

describe("seedFrom()", () => {
  it("distinguishes parts", () => {
    expect(seedFrom("ab", "c")).not.toBe(seedFrom("a", "bc"));
  });
});
