import { labDistance, labOf, lchOf } from "../../../../src/ml/metrics/lab-color.js";

describe("labOf()", () => {
  // Bruce Lindbloom's calculator, sRGB, D65: http://www.brucelindbloom.com/index.html?ColorCalculator.html
  it.each([
    ["white", [255, 255, 255], [100, 0, 0]],
    ["black", [0, 0, 0], [0, 0, 0]],
    ["red", [255, 0, 0], [53.24, 80.09, 67.2]],
    ["green", [0, 255, 0], [87.73, -86.18, 83.18]],
    ["blue", [0, 0, 255], [32.3, 79.19, -107.86]],
    ["nearly black", [2, 2, 2], [0.55, 0, 0]],
  ] as const)("gives the Lab of %s", (_, [red, green, blue], expected) => {
    const lab = labOf(red, green, blue);
    lab.forEach((value, channel) => {
      expect(value).toBeCloseTo(expected[channel], 1);
    });
  });
});

describe("lchOf()", () => {
  it("gives hues in degrees from 0 up to 360", () => {
    expect(lchOf([50, 30, 0])).toEqual({ lightness: 50, chroma: 30, hue: 0 });
    expect(lchOf([50, 0, 30]).hue).toBeCloseTo(90);
    expect(lchOf([50, 0, -30]).hue).toBeCloseTo(270);
    expect(lchOf([50, 3, 4]).chroma).toBeCloseTo(5);
  });
});

describe("labDistance()", () => {
  it("is Euclidean", () => {
    expect(labDistance([10, 1, 2], [11, 3, 4])).toBe(3);
  });
});
