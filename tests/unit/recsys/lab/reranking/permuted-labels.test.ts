import { permutedHeldOut } from "../../../../../src/recsys/lab/reranking/permuted-labels.js";

const lists = (...items: number[][]) => items.map(own => Int32Array.from(own));
const split = {
  train: lists([0, 1], [2, 3], [4, 5], [6]),
  validation: lists([10], [11], [12], []),
  test: lists([20], [21, 4], [22], []),
};

describe("permutedHeldOut()", () => {
  const permuted = permutedHeldOut(split, 1);

  it("gives every user another one's items of both parts, and leaves train as it is", () => {
    expect(permuted.train).toBe(split.train);
    for (const user of [0, 1, 2]) {
      const [item] = permuted.validation[user];
      const giver = split.validation.findIndex(own => own[0] === item);
      expect(giver).not.toBe(user);
      expect(permuted.test[user]).toContain(20 + giver);
    }
    expect(new Set(permuted.validation.map(own => own[0])).size).toBe(4);
    expect([...permuted.test[3]]).toEqual([]);
  });

  it("leaves out what the user has in train, which does not compete", () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(permutedHeldOut(split, seed).test[2]).not.toContain(4);
    }
  });

  it("follows the seed", () => {
    expect(permutedHeldOut(split, 1)).toEqual(permuted);
    const orders = Array.from({ length: 10 }, (_, seed) => permutedHeldOut(split, seed).test[0][0]);
    expect(new Set(orders).size).toBe(2);
  });
});
