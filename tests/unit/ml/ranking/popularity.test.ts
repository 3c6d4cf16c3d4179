import { Popularity } from "../../../../src/ml/ranking/popularity.js";
import { describeRecommender } from "../../../contracts/recommender.contract.js";

describeRecommender("popularity", {
  create: () => new Popularity(),
  load: directory => Popularity.load(directory),
  isPersonal: false,
});

describe("Popularity", () => {
  it("scores an item by the number of users who chose it", async () => {
    const model = new Popularity();
    const train = [[0, 2], [2], [1, 2]].map(items => Int32Array.from(items));
    await model.fit({ numUsers: 3, numItems: 4, train });
    expect([...model.score(0)]).toEqual([1, 1, 3, 0]);
  });
});
