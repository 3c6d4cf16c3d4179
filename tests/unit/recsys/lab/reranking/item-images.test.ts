import { matrix, row } from "../../../../../src/ml/nn/matrix.js";
import {
  imageFeatures,
  plannedImages,
} from "../../../../../src/recsys/lab/reranking/item-images.js";
import { rerankConfig } from "../../../../../src/recsys/lab/reranking/rerank-config.js";
import type { ShopItem, ShopSnapshot } from "../../../../../src/recsys/reflection/shop-snapshot.js";

const NUM_ITEMS = 12;
const itemIds = Array.from({ length: NUM_ITEMS }, (_, item) => `i${item}`);
const unit = new Float32Array([1, 0]);

/** Three users, eight train items each, and the given test items. */
function shop(test: number[][]): ShopSnapshot {
  const train = [0, 1, 2].map(user => Array.from({ length: 8 }, (_, n) => (user + n) % NUM_ITEMS));
  const rising = (lists: number[][]) => lists.map(items => Int32Array.from(items).sort());
  const items = itemIds.map((itemId): ShopItem => ({
    itemId,
    title: itemId,
    keywords: [],
    caption: itemId,
    captionEmbedding: unit,
    imageEmbedding: unit,
    blobHash: itemId,
  }));
  return {
    ranker: { itemIds },
    userIds: ["a", "b", "c"],
    timelines: train.map((own, user) => [...own, ...test[user]]),
    split: {
      train: rising(train),
      validation: [[], [], []].map(() => new Int32Array()),
      test: rising(test),
    },
    items: new Map(items.map(item => [item.itemId, item])),
  } as unknown as ShopSnapshot; // what planning reads of a snapshot
}

describe("plannedImages()", () => {
  it("is the same whatever the test items are, without leaks", () => {
    const config = rerankConfig({ imagesPerItem: 2 });
    const plan = plannedImages(shop([[9], [10], [11]]), config);
    expect(plannedImages(shop([[11], [9], [10]]), config)).toEqual(plan);
    expect([...plan.values()].every(pairs => pairs.length <= 2)).toBe(true);
  });

  it("draws an item only for users who have it in the train part, and without it in their history", () => {
    const plan = plannedImages(shop([[9], [10], [11]]), rerankConfig({ imagesPerItem: 3 }));
    const { split } = shop([[9], [10], [11]]);
    for (const [item, pairs] of plan) {
      for (const { historyItemIds, userIndex } of pairs) {
        expect(split.train[userIndex]).toContain(item);
        expect(historyItemIds).not.toContain(itemIds[item]);
      }
    }
  });

  it("follows the test items with the paper's protocol, which is why that one is labelled", () => {
    const config = rerankConfig({ protocol: "paper" });
    expect([...plannedImages(shop([[9], [10], [11]]), config).keys()].sort()).toEqual([10, 11, 9]);
  });
});

describe("imageFeatures()", () => {
  const features = matrix([2, 2], Float32Array.from([1, 0, 0, 1]));
  const images = new Map([[0, [new Float32Array([0, 1])]]]);

  it("takes the mean of an item's own feature and its pictures', as long as its own", () => {
    const made = imageFeatures(features, images, "leakFree");
    expect([...row(made, 0)]).toEqual([expect.closeTo(Math.SQRT1_2), expect.closeTo(Math.SQRT1_2)]);
    expect([...row(made, 1)]).toEqual([0, 1]);
    expect([...features.values]).toEqual([1, 0, 0, 1]);
  });

  it("takes the picture's alone with the paper's protocol", () => {
    expect([...row(imageFeatures(features, images, "paper"), 0)]).toEqual([0, 1]);
  });
});
