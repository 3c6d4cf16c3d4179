import { Random } from "../../../../src/ml/nn/random.js";
import { topK } from "../../../../src/ml/nn/top-k.js";

describe("topK()", () => {
  it("is the head of a full sort, ties by ascending index", () => {
    const random = new Random(1);
    for (const k of [1, 3, 50, 200, 500]) {
      const scores = Array.from({ length: 200 }, () => random.int(40)); // many ties
      const sorted = scores.map((_, index) => index).sort((a, b) => scores[b] - scores[a] || a - b);
      expect(topK(scores, k)).toEqual(sorted.slice(0, k));
    }
  });

  it("leaves out excluded indices and NaN", () => {
    expect(topK([5, NaN, 9, 7], 3, index => index === 2)).toEqual([3, 0]);
  });

  it("returns an empty list for empty input", () => {
    expect([topK([], 3), topK([1, 2], 0)]).toEqual([[], []]);
  });
});
