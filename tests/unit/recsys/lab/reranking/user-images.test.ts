import { matrix, row } from "../../../../../src/ml/nn/matrix.js";
import { UserImages } from "../../../../../src/recsys/lab/reranking/user-images.js";
import { pairContext, pairOf, trainTimeline } from "../../../../../src/recsys/reflection/pairs.js";
import type { ShopItem, ShopSnapshot } from "../../../../../src/recsys/reflection/shop-snapshot.js";
import { catalogue } from "../../reflection/tiny-shop.js";

const NUM_ITEMS = 12;
const options = { k: 3, historyLimit: 4 };

function shop(changes: Partial<Record<number, Partial<ShopItem>>> = {}): ShopSnapshot {
  const items = catalogue().map((item, index) => ({ ...item, ...changes[index] }));
  return {
    ranker: {
      itemIds: items.map(({ itemId }) => itemId),
      model: { score: () => new Float32Array(NUM_ITEMS) },
    },
    items: new Map(items.map(item => [item.itemId, item])),
    userIds: ["a", "b"],
    timelines: [[5, 2, 8, 1, 10, 3, 11], [4]],
    split: { train: [Int32Array.of(1, 2, 5, 8, 10), Int32Array.of(4)] },
  } as unknown as ShopSnapshot; // what is read of a snapshot
}

describe("UserImages", () => {
  it("retrieves the history items that serving retrieves, with the same weights", () => {
    const own = shop();
    const images = UserImages.ofTrain(own, 0, options);
    for (const item of [0, 7, 8]) {
      const pair = pairOf(
        own,
        0,
        item,
        trainTimeline(own, 0).filter(other => other !== item),
      )!;
      const { retrieved } = pairContext(own, pair, options);
      const found = images.preferenceFor(item)!;
      expect(found.map(({ itemIndex, weight }) => [own.ranker.itemIds[itemIndex], weight])).toEqual(
        retrieved.map(({ itemId, weight }) => [itemId, weight]),
      );
    }
  });

  it("reads the train items alone", () => {
    const found = UserImages.ofTrain(shop(), 0, { k: 20, historyLimit: 20 }).preferenceFor(0)!;
    expect(found.map(({ itemIndex }) => itemIndex).sort((a, b) => a - b)).toEqual([1, 2, 5, 8, 10]);
  });

  it("has none of an item without an image, and none for a user whose only item it is", () => {
    const bare = shop({ 7: { imageEmbedding: null } });
    expect(UserImages.ofTrain(bare, 0, options).preferenceFor(7)).toBeNull();
    expect(UserImages.ofTrain(bare, 1, options).preferenceFor(4)).toBeNull();
    expect(UserImages.ofTrain(bare, 1, options).preferenceFor(0)).toHaveLength(1);
  });

  it("takes a taste from the mean of the user's images, less the shop's", () => {
    const features = matrix([NUM_ITEMS, 2]);
    row(features, 4).set([3, 1]);
    const mean = Float32Array.of(1, 1);
    expect([...UserImages.ofTrain(shop(), 1, options).taste(features, mean)!]).toEqual([2, 0]);
    const bare = shop({ 4: { captionEmbedding: null } });
    expect(UserImages.ofTrain(bare, 1, options).taste(features, mean)).toBeNull();
  });
});
