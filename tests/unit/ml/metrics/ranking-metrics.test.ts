import {
  hitAt,
  mapAt,
  midRank,
  mrrAt,
  ndcgAt,
  ndcgRetrievedAt,
  precisionAt,
  recallAt,
} from "../../../../src/ml/metrics/ranking-metrics.js";

// Relevant are 1, 5, 7 and 9; of the first five, those at ranks 2 and 4.
const ranking = [3, 5, 0, 1, 8, 9];
const relevant = new Set([1, 5, 7, 9]);

describe("ranking metrics at 5", () => {
  it("recall is 2 hits of 4 relevant", () => {
    expect(recallAt(ranking, relevant, 5)).toBe(0.5);
  });

  it("recall at 1 of two relevant is at most a half: it is not divided by min(K, n)", () => {
    expect(recallAt([5], new Set([5, 1]), 1)).toBe(0.5);
  });

  it("precision is 2 hits of 5", () => {
    expect(precisionAt(ranking, relevant, 5)).toBe(0.4);
  });

  it("hit is whether there is any", () => {
    expect([hitAt(ranking, relevant, 5), hitAt(ranking, relevant, 1)]).toEqual([1, 0]);
  });

  it("MRR is one over the rank of the first hit", () => {
    expect([mrrAt(ranking, relevant, 5), mrrAt(ranking, relevant, 1)]).toEqual([0.5, 0]);
  });

  it("MAP is (1/2 + 2/4) / min(4, 5)", () => {
    expect(mapAt(ranking, relevant, 5)).toBeAllclose(0.25);
  });

  it("NDCG is the gain at ranks 2 and 4 over that of four hits on top", () => {
    // 1/log2(3) + 1/log2(5) = 0.63093 + 0.43068 = 1.06161; 1 + 0.63093 + 0.5 + 0.43068 = 2.56161.
    expect(ndcgAt(ranking, relevant, 5)).toBeAllclose(1.0616063 / 2.5616063, { rtol: 1e-6 });
  });

  it("NDCG is gorse's 0.6766372989 for the odd items below 8 in the order of all ten", () => {
    // https://github.com/gorse-io/gorse, model/ranking/evaluator_test.go
    const tenItems = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    expect(ndcgAt(tenItems, new Set([1, 3, 5, 7]), 10)).toBeAllclose(0.6766372989, { rtol: 1e-9 });
  });

  it("the official MICRO's NDCG divides by two hits on top, and so is higher", () => {
    // 1.06161 / (1 + 0.63093)
    expect(ndcgRetrievedAt(ranking, relevant, 5)).toBeAllclose(1.0616063 / 1.6309298, {
      rtol: 1e-6,
    });
  });

  it("the two NDCGs differ most when one of many is found, on top", () => {
    const many = new Set([3, 20, 21, 22, 23, 24, 25, 26, 27, 28]);
    expect(ndcgRetrievedAt(ranking, many, 5)).toBe(1);
    // 1 / (1 + 0.63093 + 0.5 + 0.43068 + 0.38685)
    expect(ndcgAt(ranking, many, 5)).toBeAllclose(1 / 2.9484591, { rtol: 1e-6 });
  });

  it("a perfect ranking has NDCG, MAP and recall 1", () => {
    const perfect = [[1, 5, 7, 9, 2], relevant, 5] as const;
    expect([ndcgAt(...perfect), mapAt(...perfect), recallAt(...perfect)]).toBeAllclose([1, 1, 1]);
  });

  it("all are 0 when nothing is relevant", () => {
    const metrics = [recallAt, precisionAt, hitAt, mrrAt, mapAt, ndcgAt, ndcgRetrievedAt];
    expect(metrics.map(metric => metric(ranking, new Set<number>(), 5))).toEqual(
      metrics.map(() => 0),
    );
  });
});

describe("midRank()", () => {
  it("counts the higher scores, and half of the equal ones", () => {
    expect(midRank(5, [9, 5, 5, 1])).toBe(3); // one higher, two equal
    expect(midRank(10, [9, 5])).toBe(1);
    expect(midRank(0, [])).toBe(1);
  });

  it("leaves out excluded items, such as the item itself", () => {
    expect(midRank(5, [9, 5, 7], index => index === 1 || index === 2)).toBe(2);
  });
});
