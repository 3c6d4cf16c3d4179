/**
 * @file (User, reference item) pairs for training, validation and test, without leaks. Users are divided by their ids, so a user
 * is in the same part for every seed and data set. References for training are train items, with the train items before them as
 * history. References for validation and test are held-out items, with the user's train items as history.
 */
import { AppError } from "../../errors/app-error.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import type { CandidateRequest, ImageContext } from "../images/image-path.js";
import type { HistoryItem, Retrieval } from "../retrieval/retrieval.service.js";
import { retrieved } from "../retrieval/retrieval.service.js";
import { rankerPreference } from "./ranker-preference.js";
import type { ShopSnapshot } from "./shop-snapshot.js";

export type UserPart = "train" | "validation" | "test";

/** Of 100 users 70 are for training, 10 for validation, 20 for test. */
export function userPartOf(userId: string): UserPart {
  const place = (seedFrom("personalizer users", userId) >>> 0) % 100;
  return place < 70 ? "train" : place < 80 ? "validation" : "test";
}

export interface Pair {
  userIndex: number;
  userId: string;
  itemIndex: number;
  itemId: string;
  /** In the order of time. */
  historyItemIds: readonly string[];
  /** Content hash of the reference's picture. */
  blobHash: string;
}

/** A shorter history says little about a taste. */
const MIN_HISTORY = 3;

/** Pairs for training, in random order, `numPairs` of them or all; no user has more than twice their share. */
export function trainingPairs(
  shop: ShopSnapshot,
  { numPairs, seed }: { numPairs: number; seed: number },
): Pair[] {
  const random = new Random(seedFrom("teaching pairs", seed));
  const users = usersOf(shop, "train");
  const perUser = Math.max(1, Math.ceil((2 * numPairs) / Math.max(1, users.length)));
  const pairs = users.flatMap(user => {
    const train = trainTimeline(shop, user);
    const all = train.flatMap(
      (item, place) => pairOf(shop, user, item, train.slice(0, place)) ?? [],
    );
    return random.shuffled(all).slice(0, perUser);
  });
  return random.shuffled(pairs).slice(0, numPairs);
}

/**
 * Pairs for the choice of conditions, `numPairs` of them or all: every other one is of {@link trainingPairs}, the others show the
 * same users an item that they have not chosen, after all their train items. A shop shows both.
 */
export function choicePairs(
  shop: ShopSnapshot,
  { numPairs, seed }: { numPairs: number; seed: number },
): Pair[] {
  const random = new Random(seedFrom("other references", seed));
  const numItems = shop.ranker.itemIds.length;
  const own = trainingPairs(shop, { numPairs: Math.ceil(numPairs / 2), seed });
  return own
    .flatMap(pair => {
      const chosen = new Set(shop.split.train[pair.userIndex]);
      const item = random.int(numItems);
      const history = trainTimeline(shop, pair.userIndex);
      const other = chosen.has(item) ? null : pairOf(shop, pair.userIndex, item, history);
      return other ? [pair, other] : [pair];
    })
    .slice(0, numPairs);
}

/** Pairs for validation or test, whose references the ranking model did not learn from. */
export function evaluationPairs(
  shop: ShopSnapshot,
  part: "validation" | "test",
  { numPairs, seed }: { numPairs: number; seed: number },
): Pair[] {
  const random = new Random(seedFrom("judging pairs", part, seed));
  const pairs = usersOf(shop, part).flatMap(user => {
    const train = trainTimeline(shop, user);
    const heldOut = random.shuffled([...shop.split[part][user]]);
    return heldOut.flatMap(item => pairOf(shop, user, item, train) ?? []).slice(0, 1);
  });
  return random.shuffled(pairs).slice(0, numPairs);
}

/** @throws AppError `TOO_FEW_PAIRS` */
export function assertEnough(pairs: readonly Pair[], needed: number): void {
  if (pairs.length < needed) {
    throw new AppError("TOO_FEW_PAIRS", { needed, got: pairs.length });
  }
}

/** What a pair's history says of its reference (Eq. 1-6); nothing else of the user is read. */
export function pairContext(
  shop: Pick<ShopSnapshot, "items" | "ranker">,
  pair: Pair,
  { k, historyLimit }: { k: number; historyLimit: number },
): ImageContext & Retrieval {
  const { items } = shop;
  const { blobHash, historyItemIds, itemId, userId } = pair;
  const history = historyItemIds.slice(-historyLimit).flatMap((id, place): HistoryItem[] => {
    const item = items.get(id);
    return item ? [{ ...item, occurredAt: new Date(place) }] : []; // only their order counts
  });
  const retrieval = retrieved(items.get(itemId)!, history, { k });
  return {
    ...retrieval,
    userId,
    itemId,
    sourceBlobHash: blobHash,
    rankerPreference: rankerPreference(shop, pair),
    referenceCaptionEmbedding: retrieval.referenceCaptionEmbedding!, // a pair has both: `pairOf`
    referenceImageEmbedding: retrieval.referenceImageEmbedding!,
  };
}

/** How a pair's images are drawn and ranked. The items that the ranking model was trained on do not compete. */
export function pairRequest<Drawing extends Omit<CandidateRequest, "context" | "numImages">>(
  shop: ShopSnapshot,
  pair: Pair,
  history: { k: number; historyLimit: number },
  drawing: Drawing,
) {
  const seenItemIds = trainItemIds(shop, pair);
  return { ...drawing, context: pairContext(shop, pair, history), seenItemIds };
}

/** What the ranking model was trained on of a pair's user. */
export function trainItemIds({ ranker, split }: ShopSnapshot, { userIndex }: Pair): string[] {
  return Array.from(split.train[userIndex], item => ranker.itemIds[item]);
}

/** The user's train items in the order of time. */
export function trainTimeline({ split, timelines }: ShopSnapshot, user: number): number[] {
  const train = new Set(split.train[user]);
  return timelines[user].filter(item => train.has(item));
}

/** Null when the reference or the whole history cannot be compared. */
export function pairOf(
  { items, ranker, userIds }: ShopSnapshot,
  userIndex: number,
  itemIndex: number,
  history: readonly number[],
): Pair | null {
  const itemId = ranker.itemIds[itemIndex];
  const reference = items.get(itemId);
  if (!reference?.captionEmbedding || !reference.imageEmbedding || !reference.blobHash) {
    return null;
  }
  const historyItemIds = history
    .map(item => ranker.itemIds[item])
    .filter(id => items.get(id)?.captionEmbedding && items.get(id)?.imageEmbedding);
  if (historyItemIds.length < MIN_HISTORY) {
    return null;
  }
  const { blobHash } = reference;
  return { userIndex, userId: userIds[userIndex], itemIndex, itemId, historyItemIds, blobHash };
}

/** What pairs cannot be made of: users with fewer than {@link MIN_HISTORY} train items that can be compared, and such items. */
export function unusable(shop: ShopSnapshot): { users: number; items: number } {
  const { itemIds } = shop.ranker;
  const canBe = itemIds.map(id => {
    const item = shop.items.get(id);
    return Boolean(item?.captionEmbedding && item.imageEmbedding && item.blobHash);
  });
  const counts = shop.split.train.map(items => items.filter(item => canBe[item]).length);
  return {
    users: counts.filter(count => count < MIN_HISTORY).length,
    items: canBe.filter(can => !can).length,
  };
}

function usersOf({ userIds }: ShopSnapshot, part: UserPart): number[] {
  return [...userIds.keys()].filter(index => userPartOf(userIds[index]) === part);
}
