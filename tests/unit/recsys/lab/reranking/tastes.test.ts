/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { modalitiesOf } from "../../../../../src/recsys/lab/reranking/rerank-data.js";
import { clustersOf, tastesOf } from "../../../../../src/recsys/lab/reranking/tastes.js";
import { createTinyShop, type TinyShop } from "../../reflection/tiny-shop.js";

const vector = (...values: number[]) => Float32Array.from(values);

describe("clustersOf()", () => {
  it("puts together what points the same way", () => {
    const vectors = [
      vector(1, 0),
      vector(0.96, 0.28),
      vector(0, 1),
      vector(0.28, 0.96),
      vector(-1, 0),
    ];
    const [a, b, c, d, e] = clustersOf(vectors, 3);
    expect([a === b, c === d, new Set([a, c, e]).size]).toEqual([true, true, 3]);
  });

  it("puts what says nothing into the largest cluster, and makes no more than there are vectors", () => {
    const clusters = clustersOf([vector(0, 1), null, vector(1, 0), vector(0.96, 0.28)], 2);
    expect(clusters[1]).toBe(clusters[2]);
    expect(new Set(clustersOf([vector(1, 0), vector(1, 0)], 5)).size).toBe(1);
    expect([...clustersOf([null, null], 2)]).toEqual([0, 0]);
  });
});

describe("tastesOf()", () => {
  let tiny: TinyShop;

  beforeAll(async () => {
    tiny = await createTinyShop();
  });

  afterAll(() => tiny.close());

  const options = { k: 2, historyLimit: 3, numTastes: 2 };

  it("finds who likes even and who likes odd items, and the items that each likes more than others", () => {
    const [{ features }] = modalitiesOf(tiny.shop);
    const { tasteOf, timelines } = tastesOf(tiny.shop, features, options);
    const isOddUser = (user: number) => Number(tiny.shop.userIds[user].split("-")[1]) % 2;
    const odd = [...tasteOf.keys()].filter(isOddUser).map(user => tasteOf[user]);
    const even = [...tasteOf.keys()].filter(user => !isOddUser(user)).map(user => tasteOf[user]);
    expect([new Set(odd).size, new Set(even).size]).toEqual([1, 1]);
    expect(odd[0]).not.toBe(even[0]);
    const liked = new Set(tiny.shop.timelines[[...tasteOf.keys()].find(isOddUser)!]);
    expect(timelines[odd[0]]).toHaveLength(3);
    expect(timelines[odd[0]].every(item => liked.has(item))).toBe(true);
    expect(timelines[even[0]].some(item => liked.has(item))).toBe(false);
  });

  it("reads no held-out item", () => {
    const [{ features }] = modalitiesOf(tiny.shop);
    const none = tiny.shop.split.test.map(() => new Int32Array(0));
    const split = { ...tiny.shop.split, validation: none, test: none };
    const expected = tastesOf(tiny.shop, features, options);
    expect(tastesOf({ ...tiny.shop, split }, features, options)).toEqual(expected);
  });

  it("has the most chosen items for a single taste", () => {
    const [{ features }] = modalitiesOf(tiny.shop);
    const { tasteOf, timelines } = tastesOf(tiny.shop, features, { ...options, numTastes: 1 });
    expect([new Set(tasteOf).size, timelines.length, timelines[0].length]).toEqual([1, 1, 3]);
  });
});
