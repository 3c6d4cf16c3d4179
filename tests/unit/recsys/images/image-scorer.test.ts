import { ImageScorer } from "../../../../src/recsys/images/image-scorer.js";
import { IMAGE_MODALITY } from "../../../../src/recsys/ranking/ranked-item.js";

/** Scores of six items. The user was trained on items 0 and 1, which score best; item 3 is scored with images. */
const scores = Float32Array.of(9, 8, 5, 3, 4, 1);

function scoreWith(train: number[]) {
  const model = {
    algorithm: "MICRO",
    modalityNames: [IMAGE_MODALITY],
    score: () => scores,
    whatIf: (_user: unknown, _item: unknown, embeddings: Float32Array[]) =>
      embeddings.map(([score]) => score),
  };
  const shop = { ranker: { model }, split: { train: [train] } };
  return new ImageScorer(shop as unknown as ConstructorParameters<typeof ImageScorer>[0]).score(
    { userIndex: 0, itemIndex: 3 },
    [Float32Array.of(4.5), Float32Array.of(4), Float32Array.of(2)],
  );
}

describe("ImageScorer", () => {
  it("ranks among the user's non-training items, with mid-ranks for ties", () => {
    const { images, reference } = scoreWith([0, 1]);
    // Items 2 (5), 4 (4) and 5 (1) compete with 3.
    expect(reference).toEqual({ score: 3, rank: 3 });
    expect(images.map(({ rank }) => rank)).toEqual([2, 2.5, 3]);
    // (rankBefore - rankAfter) / (1 + rankBefore)
    expect(images.map(({ deltaR }) => deltaR)).toEqual([1 / 4, 0.5 / 4, 0]);
  });

  it("includes other users' train items", () => {
    expect(scoreWith([]).reference.rank).toBe(5);
  });
});
