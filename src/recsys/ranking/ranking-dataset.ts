/** @file Converts rows of interactions and embeddings to a ranking model's training data: dense indices and features. */
import { createHash } from "node:crypto";
import { defaultFeedbackRules, type FeedbackRules } from "../../config/feedback-rules.js";
import { type Choice, choicesOf, type Feedback } from "../../db/choices.js";
import { matrix, row } from "../../ml/nn/matrix.js";
import type { Modality } from "../../ml/ranking/recommender.js";

/** What a user did with an item. */
export type InteractionEntry = Feedback;

/** An item's embedding in one modality. */
export interface EmbeddingEntry {
  itemId: string;
  vector: Float32Array;
}

export interface DatasetOptions {
  /** What counts as chosen. Default: `defaultFeedbackRules`. */
  feedback?: FeedbackRules;
  /**
   * Keeps only users and items with at least this many choices among each other. Default: 1, which keeps every user with
   * a choice, and every item with a choice or an embedding.
   */
  coreSize?: number;
}

export interface RankingDataset {
  /** By user index; sorted. */
  userIds: readonly string[];
  /** By item index; sorted. */
  itemIds: readonly string[];
  /** The distinct items each user chose, in the order of time. */
  timelines: readonly (readonly number[])[];
  /** When each of these was first chosen, in milliseconds since 1970. */
  times: readonly (readonly number[])[];
  /** The newest interaction of any kind; null without one. */
  until: Date | null;
  /** Strengths of these choices, with mean 1; absent when all are equal. */
  strengths?: Strengths;
  /** An item without an embedding has zeros. */
  modalities: readonly Modality[];
  /** SHA-256 of users, items, their order, strengths and features. */
  dataHash: string;
}

/** By user, in the order of their timeline. */
export type Strengths = readonly (readonly number[])[];

/** The data set is independent of the order of the rows, except for interactions of one user at the same time. */
export function rankingDataset(
  interactions: readonly InteractionEntry[],
  embeddings: Readonly<Record<string, readonly EmbeddingEntry[]>>,
  { feedback = defaultFeedbackRules, coreSize = 1 }: DatasetOptions = {},
): RankingDataset {
  const { choices: all, strengthOf, timeOf } = choicesByUser(interactions, feedback);
  const choices = core(all, coreSize);
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
  const strengths = normalized(
    userIds.map(userId => choices.get(userId)!.map(itemId => strengthOf(userId, itemId))),
  );
  const times = userIds.map(id => choices.get(id)!.map(itemId => timeOf(id, itemId)));
  const dataset = { userIds, itemIds, timelines, modalities, ...(strengths && { strengths }) };
  return { ...dataset, times, until: newestOf(interactions), dataHash: hashOf(dataset) };
}

/** Each user's chosen items, by the time of the first choice, with their strengths. */
function choicesByUser(interactions: readonly InteractionEntry[], feedback: FeedbackRules) {
  const choices = new Map<string, string[]>();
  const found = new Map<string, Map<string, Choice>>();
  for (const choice of choicesOf(interactions, feedback)) {
    const { itemId, userId } = choice;
    const items = choices.get(userId) ?? [];
    choices.set(userId, items);
    items.push(itemId);
    const own = found.get(userId) ?? new Map<string, Choice>();
    found.set(userId, own.set(itemId, choice));
  }
  const strengthOf = (userId: string, itemId: string) => found.get(userId)!.get(itemId)!.strength;
  const timeOf = (userId: string, itemId: string) =>
    found.get(userId)!.get(itemId)!.firstAt.getTime();
  return { choices, strengthOf, timeOf };
}

function newestOf(interactions: readonly InteractionEntry[]): Date | null {
  const newest = interactions.reduce(
    (max, { occurredAt }) => Math.max(max, occurredAt.getTime()),
    -Infinity,
  );
  return newest === -Infinity ? null : new Date(newest);
}

/** With a mean of 1; undefined when all are the same. */
function normalized(strengths: Strengths): Strengths | undefined {
  let sum = 0;
  let count = 0;
  let areEqual = true;
  const first = strengths.find(own => own.length > 0)?.[0];
  for (const own of strengths) {
    for (const strength of own) {
      sum += strength;
      count++;
      areEqual &&= strength === first;
    }
  }
  return areEqual ? undefined : strengths.map(own => own.map(strength => (strength * count) / sum));
}

/** The strengths of train items, in order; undefined when all are equal. */
export function trainStrengths(
  { strengths, timelines }: Pick<RankingDataset, "strengths" | "timelines">,
  train: readonly Int32Array[],
): Float32Array[] | undefined {
  return (
    strengths &&
    train.map((items, user) => {
      const strengthOf = new Map(timelines[user].map((item, n) => [item, strengths[user][n]]));
      return Float32Array.from(items, item => strengthOf.get(item)!); // a train item is in the timeline
    })
  );
}

/** The largest subset in which every user has `size` items and every item `size` users. */
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

function hashOf(dataset: Omit<RankingDataset, "dataHash" | "times" | "until">) {
  const { userIds, itemIds, timelines, strengths, modalities } = dataset;
  const hash = createHash("sha256").update(JSON.stringify([userIds, itemIds, timelines]));
  if (strengths) {
    hash.update(JSON.stringify(strengths));
  }
  for (const { name, features } of modalities) {
    hash.update(JSON.stringify([name, features.shape])).update(features.values);
  }
  return hash.digest("hex");
}
