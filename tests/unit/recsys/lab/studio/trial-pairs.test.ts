import {
  inTurns,
  populationHistory,
  trialPairs,
} from "../../../../../src/recsys/lab/studio/trial-pairs.js";

const products = ["a", "b", "c", "d"].map(id => ({ id, shop: "luma" }));
const like = (userId: string, itemId: string) => ({ userId, itemId });

describe("trialPairs()", () => {
  it("gives each product a shopper who has not chosen it, the one who waits longest", () => {
    const likes = [like("u", "a"), like("v", "b"), like("w", "d")];
    const pairs = trialPairs(products, likes);
    expect(pairs.map(({ itemId }) => itemId)).toEqual(["a", "b", "c", "d"]);
    for (const { itemId, userId } of pairs) {
      expect(likes).not.toContainEqual({ userId, itemId });
    }
    expect(new Set(pairs.slice(0, 3).map(({ userId }) => userId)).size).toBe(3);
    expect(trialPairs(products, likes)).toEqual(pairs);
  });

  it("leaves out what everybody has chosen", () => {
    const pairs = trialPairs(products, [like("u", "a"), like("v", "a")]);
    expect(pairs.map(({ itemId }) => itemId)).toEqual(["b", "c", "d"]);
  });
});

describe("populationHistory()", () => {
  it("has weights by the number of choices, which add up to 1", () => {
    const likes = [like("u", "a"), like("v", "a"), like("w", "a"), like("u", "b")];
    const history = populationHistory(likes);
    expect(new Map(history.map(({ itemId, weight }) => [itemId, weight]))).toEqual(
      new Map([
        ["a", 0.75],
        ["b", 0.25],
      ]),
    );
  });

  it("is a sample of a large shop, the same each time", () => {
    const likes = Array.from({ length: 500 }, (_, n) => like(`u${n}`, `i${n}`));
    const history = populationHistory(likes);
    expect(history).toHaveLength(60);
    expect(history.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1);
    expect(populationHistory(likes)).toEqual(history);
  });
});

describe("inTurns()", () => {
  it("takes one of each shop in turn", () => {
    const shops = ["a", "a", "a", "b", "b"].map((shop, n) => ({ shop, n }));
    expect(inTurns(shops).map(({ n }) => n)).toEqual([0, 3, 1, 4, 2]);
  });
});
