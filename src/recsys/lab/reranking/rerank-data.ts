/** @file The data of a re-ranking's models: the snapshot's users, items and split, with any item features. */
import { createHash } from "node:crypto";
import { matrix, type Matrix, row } from "../../../ml/nn/matrix.js";
import type { Modality, Recommender } from "../../../ml/ranking/recommender.js";
import { IMAGE_MODALITY } from "../../ranking/ranked-item.js";
import { trainStrengths } from "../../ranking/ranking-dataset.js";
import type { ShopItem, ShopSnapshot } from "../../reflection/shop-snapshot.js";
import { evaluatePart } from "../rankers/fit-and-evaluate.js";

/** What a ranker is trained and measured on. */
export function viewOf({ ranker, ...shop }: ShopSnapshot, modalities: readonly Modality[]) {
  const { split, userIds } = shop;
  const strengths = trainStrengths(shop, split.train);
  const [numUsers, numItems] = [userIds.length, ranker.itemIds.length];
  return { numUsers, numItems, modalities, strengths, split };
}

/** Every metric on one part. */
export function measure(
  model: Recommender,
  { numItems, split }: ReturnType<typeof viewOf>,
  part: "validation" | "test",
) {
  return evaluatePart(model, { split, part, numItems }, { cutoffs: [10, 20] });
}

/** Catalogue images and captions, as far as the shop has them. */
export function modalitiesOf({ items, ranker: { itemIds } }: ShopSnapshot): Modality[] {
  return [
    { name: IMAGE_MODALITY, features: featuresOf(itemIds, id => items.get(id)?.imageEmbedding) },
    { name: "textual", features: featuresOf(itemIds, id => items.get(id)?.captionEmbedding) },
  ].filter(({ features }) => features.shape[1] > 0);
}

function featuresOf(
  itemIds: readonly string[],
  embeddingOf: (id: string) => ShopItem["imageEmbedding"] | undefined,
): Matrix {
  const dimension = itemIds.map(id => embeddingOf(id)?.length).find(length => length) ?? 0;
  const features = matrix([itemIds.length, dimension]);
  itemIds.forEach((id, index) => {
    const embedding = embeddingOf(id);
    if (embedding) {
      row(features, index).set(embedding);
    }
  });
  return features;
}

/** SHA-256 of the interactions and the features. */
export function hashOf(
  { split, strengths, userIds }: ShopSnapshot,
  modalities: readonly Modality[],
): string {
  const hash = createHash("sha256").update(
    JSON.stringify([
      userIds,
      [split.train, split.validation, split.test].map(part => part.map(items => [...items])),
    ]),
  );
  if (strengths) {
    hash.update(JSON.stringify(strengths));
  }
  modalities.forEach(({ features, name }) => hash.update(name).update(features.values));
  return hash.digest("hex");
}
