import {
  clipImageScore,
  clipPreferenceImageScore,
  clipPreferenceScore,
  clipScore,
  preferenceText,
} from "../../../../src/ml/metrics/clip-scores.js";

const east = Float32Array.of(1, 0);
const north = Float32Array.of(0, 2);
const northEast = Float32Array.of(3, 3);

describe("clip scores", () => {
  // cos 45° = √½, whatever the lengths.
  it.each([clipScore, clipImageScore, clipPreferenceScore])("%p is 100 times the cosine", score => {
    expect(score(east, northEast)).toBeCloseTo(100 * Math.SQRT1_2, 5);
    expect(score(east, north)).toBe(0);
    expect(score(east, Float32Array.of(-5, 0))).toBe(-100);
  });

  it("averages cosines over the history, not embeddings", () => {
    // Mean of cos 0° and cos 90° is 50; the cosine of the mean direction would be 70.7 for unit vectors.
    expect(clipPreferenceImageScore(east, [east, north])).toBeCloseTo(50, 6);
  });

  it("joins keywords with a comma", () => {
    expect(preferenceText(["red", "cat"])).toBe("red, cat");
  });

  it("refuses what has no score", () => {
    expect(() => clipPreferenceImageScore(east, [])).toThrow("at least one history image");
    expect(() => clipScore(east, Float32Array.of(1, 2, 3))).toThrow("one length, got 2 and 3");
  });
});
