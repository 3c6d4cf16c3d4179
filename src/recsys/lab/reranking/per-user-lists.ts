/** @file The re-ranked lists that are served: of the active ranking model, from all that each user chose. */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { row } from "../../../ml/nn/matrix.js";
import type { WorkHooks } from "../../../ml/progress.js";
import { hasFeatureGradient } from "../../../ml/ranking/recommender.js";
import { IMAGE_MODALITY } from "../../ranking/ranked-item.js";
import type { RerankedList } from "../../ranking/reranked-lists.js";
import type { ShopSnapshot } from "../../reflection/shop-snapshot.js";
import { meanRow, present, topCandidates } from "./candidates.js";
import {
  assertBelongs,
  type ImageSurrogate,
  PredictedImages,
  type SurrogateStamp,
} from "./image-surrogate.js";
import { modalitiesOf } from "./rerank-data.js";
import { UserImages } from "./user-images.js";
import { type Blend, blended, signalsOf } from "./user-signals.js";

export interface ListParts {
  shop: ShopSnapshot;
  surrogate: ImageSurrogate;
  /** What serves now. */
  stamp: SurrogateStamp;
  blend: Blend;
  config: { depth: number; k: number; historyLimit: number };
}

/**
 * Each user's first items in their new order; users without a comparable history are left out.
 *
 * @throws AppError SURROGATE_MISMATCH when the surrogate is of another pack, method or ranking model.
 */
export async function rerankedLists(
  { blend, config, shop, stamp, surrogate }: ListParts,
  { signal }: Pick<WorkHooks, "signal"> = {},
): Promise<Map<string, RerankedList>> {
  assertBelongs(surrogate, stamp);
  const { itemIds, model } = shop.ranker;
  const [{ features }] = modalitiesOf(shop);
  const predicted = new PredictedImages(features, surrogate);
  const shopMean = meanRow(features);
  const hasGradient = hasFeatureGradient(model, IMAGE_MODALITY);
  const lists = new Map<string, RerankedList>();
  for (const [user, userId] of shop.userIds.entries()) {
    signal?.throwIfAborted();
    await yieldToEventLoop();
    const images = new UserImages(shop, shop.timelines[user], config);
    const taste = images.taste(features, shopMean);
    if (taste) {
      const own = topCandidates(model, shop.timelines[user], user, config.depth);
      const signals = signalsOf(images.predicted(predicted, own.items), {
        own: Array.from(own.items, item => present(row(features, item))),
        taste,
        gradient: hasGradient ? model.featureGradient({ userIndex: user }, IMAGE_MODALITY) : null,
      });
      const scores = blended({ ...own, signals }, blend);
      const places = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
      lists.set(userId, {
        itemIds: places.map(place => itemIds[own.items[place]]),
        scores: places.map(place => Number(scores[place].toPrecision(6))),
      });
    }
  }
  return lists;
}
