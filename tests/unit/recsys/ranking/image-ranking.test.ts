import { Popularity } from "../../../../src/ml/ranking/popularity.js";
import { assertRanksImages } from "../../../../src/recsys/ranking/image-ranking.js";

describe("assertRanksImages()", () => {
  it("names the algorithm that does not rank items by their images", () => {
    const model = new Popularity();
    expect(() => {
      assertRanksImages({ model });
    }).toThrow(
      expect.objectContaining({
        code: "RANKER_IGNORES_IMAGES",
        details: { algorithm: model.algorithm },
      }) as Error,
    );
  });
});
