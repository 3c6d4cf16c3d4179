/** @file From rows of interactions and embeddings to what a ranking model learns from: dense indices and features. */
import { createHash } from "node:crypto";
import { matrix, row } from "../../ml/nn/shape.js";
import type { Modality } from "../../ml/ranking/recommender.js";

/** What a user did with an item. */
export interface InteractionEntry {
  userId: string;
  itemId: string;
  /** `RATING` has stars for a weight; of any other kind a weight above 0 is a choice. */
  kind: string;
  weight: number;
  occurredAt: Date;
}

/** An item's embedding in one modality. */
export interface EmbeddingEntry {
  itemId: string;
  vector: Float32Array;
}

export interface DatasetOptions {
  /** The fewest stars with which a rated item counts as chosen. Default: 4. */
  minRating?: number;
  /**
   * Keeps users and items with at least this many choices among the kept, and no others. Default: 1, which keeps every
   * user with a choice, and every item with a choice or an embedding.
   */
  coreSize?: number;
}

export interface RankingDataset {
  /** By user index; sorted. */
  userIds: readonly string[];
  /** By item index; sorted. */
  itemIds: readonly string[];
  /** The different items each user chose, in the order of time. */
  timelines: readonly (readonly number[])[];
  /** An item without an embedding has zeros. */
  modalities: readonly Modality[];
  /** SHA-256 of all of the above. */
  dataHash: string;
}

export const DEFAULT_MIN_RATING = 4;

/** Whether an interaction says that the user likes the item. */
export function isChoice(
  { kind, weight }: Pick<InteractionEntry, "kind" | "weight">,
  minRating = DEFAULT_MIN_RATING,
): boolean {
  return kind === "RATING" ? weight >= minRating : weight > 0;
}

/** A data set that does not depend on the order of the rows, but for interactions of one user at one moment. */
export function rankingDataset(
  interactions: readonly InteractionEntry[],
  embeddings: Readonly<Record<string, readonly EmbeddingEntry[]>>,
  { minRating = DEFAULT_MIN_RATING, coreSize = 1 }: DatasetOptions = {},
): RankingDataset {
  const choices = core(choicesByUser(interactions, minRating), coreSize);
  const items = new Set([...choices.values()].flat());
  if (coreSize <= 1) {
    Object.values(embeddings).forEach(entries =>
      entries.forEach(({ itemId }) => items.add(itemId)),
    );
  }
  const userIds = [...choices.keys()].sort();
  const itemIds = [...items].sort();
  const indexOf = new Map(itemIds.map((id, index) => [id, index]));
  const timelines = userIds.map(id => choices.get(id)!.map(itemId => indexOf.get(itemId)!));
  const modalities = Object.entries(embeddings)
    .filter(([, entries]) => entries.some(({ itemId }) => indexOf.has(itemId)))
    .map(([name, entries]) => modality(name, entries, indexOf));
  const dataset = { userIds, itemIds, timelines, modalities };
  return { ...dataset, dataHash: hashOf(dataset) };
}

/** Each user's chosen items, by the time of the first choice, without repeats. */
function choicesByUser(
  interactions: readonly InteractionEntry[],
  minRating: number,
): Map<string, string[]> {
  const byTime = interactions
    .filter(interaction => isChoice(interaction, minRating))
    .sort((a, b) => a.occurredAt.getTime() - b.occurredAt.getTime());
  const chosen = new Map<string, Set<string>>();
  for (const { userId, itemId } of byTime) {
    const items = chosen.get(userId) ?? new Set();
    chosen.set(userId, items.add(itemId));
  }
  return new Map([...chosen].map(([userId, items]) => [userId, [...items]]));
}

/** The largest part in which every user has `size` items and every item `size` users. */
function core(choices: Map<string, string[]>, size: number): Map<string, string[]> {
  let kept = choices;
  for (;;) {
    const degrees = new Map<string, number>();
    for (const itemId of [...kept.values()].flat()) {
      degrees.set(itemId, (degrees.get(itemId) ?? 0) + 1);
    }
    const next = new Map(
      [...kept]
        .map(([userId, items]): [string, string[]] => [
          userId,
          items.filter(itemId => degrees.get(itemId)! >= size),
        ])
        .filter(([, items]) => items.length >= size),
    );
    const count = (map: Map<string, string[]>) => [...map.values()].flat().length;
    if (count(next) === count(kept)) {
      return next;
    }
    kept = next;
  }
}

function modality(
  name: string,
  entries: readonly EmbeddingEntry[],
  indexOf: ReadonlyMap<string, number>,
): Modality {
  const F = entries[0].vector.length;
  const features = matrix([indexOf.size, F]);
  for (const { itemId, vector } of entries) {
    const index = indexOf.get(itemId);
    if (vector.length !== F) {
      throw new Error(`rankingDataset: expected ${name} embeddings of ${F}, got ${vector.length}`);
    }
    if (index !== undefined) {
      row(features, index).set(vector);
    }
  }
  return { name, features };
}

function hashOf({ userIds, itemIds, timelines, modalities }: Omit<RankingDataset, "dataHash">) {
  const hash = createHash("sha256").update(JSON.stringify([userIds, itemIds, timelines]));
  for (const { name, features } of modalities) {
    hash.update(JSON.stringify([name, features.shape])).update(features.values);
  }
  return hash.digest("hex");
}
