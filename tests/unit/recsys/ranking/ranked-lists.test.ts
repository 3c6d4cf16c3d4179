import { Random } from "../../../../src/ml/nn/random.js";
import { RankedList } from "../../../../src/recsys/ranking/ranked-lists.js";

describe("RankedList.best()", () => {
  const scores = Float32Array.from(new Random(4).normals(500));
  const ids = Array.from(scores, (_, place) => `i${place}`);
  const sorted = Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a]);

  it("returns the head of the whole order, at any depth", () => {
    const list = new RankedList(ids, scores);
    for (const count of [3, 1, 40, 39, 41, 499, 500, 900]) {
      expect([...list.best(count)]).toEqual(sorted.slice(0, count));
    }
  });

  it("selects no deeper than needed, and again only when more is requested", () => {
    let numReads = 0;
    const counted = new Proxy(scores, {
      get: (target, name) => {
        numReads += typeof name === "string" && /^\d+$/.test(name) ? 1 : 0;
        return Reflect.get(target, name, target) as unknown;
      },
    });
    const list = new RankedList(ids, counted);
    list.best(10);
    const first = numReads;
    list.best(10);
    list.best(4);
    expect(numReads).toBe(first);
    expect(first).toBeLessThan(4 * scores.length); // a sort of all compares some 9 times as often
  });

  it("ends where only NaN scores are left", () => {
    const list = new RankedList(["a", "b", "c"], Float32Array.of(NaN, 2, 1));
    expect([...list.best(3)]).toEqual([1, 2]);
    expect([...list.best(5)]).toEqual([1, 2]);
  });
});
