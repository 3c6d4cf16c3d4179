import { Popularity } from "../../../../src/ml/ranking/popularity.js";
import { describeRecommender } from "../../../contracts/recommender.contract.js";

describeRecommender("popularity", {
  create: () => new Popularity(),
  load: files => Popularity.fromFiles(files),
  isPersonal: false,
});

describe("Popularity", () => {
  it("scores an item by the number of users who chose it", async () => {
    const model = new Popularity();
    const train = [[0, 2], [2], [1, 2]].map(items => Int32Array.from(items));
    await model.fit({ numUsers: 3, numItems: 4, train });
    expect([...model.score(0)]).toEqual([1, 1, 3, 0]);
  });

  it("sums the strengths of choices", async () => {
    const model = new Popularity();
    const train = [[0, 2], [2]].map(items => Int32Array.from(items));
    const strengths = [[0.5, 0.25], [2]].map(own => Float32Array.from(own));
    await model.fit({ numUsers: 2, numItems: 3, train, strengths });
    expect([...model.score(0)]).toEqual([0.5, 0, 2.25]);
  });

  it("refuses strengths that do not match the choices", async () => {
    const train = [Int32Array.of(0, 1)];
    const strengths = [Float32Array.of(1)];
    await expect(
      new Popularity().fit({ numUsers: 1, numItems: 2, train, strengths }),
    ).rejects.toThrow("a strength for each");
  });
});
