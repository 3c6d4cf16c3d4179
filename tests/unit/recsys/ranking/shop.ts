/** @file An in-memory shop: two tastes, twelve items, and repositories for the services. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import type { RankingModelVersionRow } from "../../../../src/db/rows.js";
import type { RankingModelColumns } from "../../../../src/db/versions.repository.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { NewItems } from "../../../../src/recsys/ranking/new-items.js";
import { RankerTrainer } from "../../../../src/recsys/ranking/ranker-trainer.js";
import { rankerVersions } from "../../../../src/recsys/ranking/ranker-versions.js";
import type { InteractionEntry } from "../../../../src/recsys/ranking/ranking-dataset.js";
import { RecommendationService } from "../../../../src/recsys/ranking/recommendation.service.js";
import { InMemoryVersions } from "../versions/in-memory-versions.js";

export const NUM_ITEMS = 12;
export const NUM_USERS = 10;

export const itemId = (index: number) => `item-${String(index).padStart(2, "0")}`;
export const userId = (index: number) => `user-${index}`;

/** Even users chose the even items in order, odd users the odd ones. */
export function choices(): InteractionEntry[] {
  return Array.from({ length: NUM_USERS }, (_, user) =>
    Array.from({ length: NUM_ITEMS }, (__, item) => item)
      .filter(item => item % 2 === user % 2 && item !== user)
      .map((item, place) => ({
        userId: userId(user),
        itemId: itemId(item),
        kind: "LIKE",
        weight: 1,
        occurredAt: new Date(Date.UTC(2026, 0, 1 + place)),
      })),
  ).flat();
}

/** Embeddings that reveal an item's parity. */
export function embedding(kind: string, index: number): Float32Array {
  const vector = new Random(kind.length * 100 + index).normals(6).map(noise => noise / 5);
  vector[index % 2] += 1;
  const length = Math.hypot(...vector);
  return vector.map(value => value / length);
}

/** Small enough to train quickly. */
export const quickConfig = {
  embeddingSize: 8,
  numNeighbours: 4,
  learningRate: 0.03,
  batchSize: 32,
  numEpochs: 10,
  contrast: { kind: "anchors", count: 6 },
};

export async function createShop(rows: InteractionEntry[] = choices()) {
  const home = await mkdtemp(join(tmpdir(), "shop-"));
  const store = new FolderArtefactStore(home);
  const versions = new InMemoryVersions<RankingModelVersionRow, RankingModelColumns>();
  const now = () => new Date(Date.UTC(2026, 1, 1));
  let nowMs = 0;
  const embeddings = { isEmpty: false };
  const trainer = new RankerTrainer({
    interactions: {
      async *streamAll() {
        yield rows.slice(0, 7);
        yield rows.slice(7);
      },
    },
    embeddings: {
      findAll: async kind =>
        Array.from({ length: embeddings.isEmpty ? 0 : NUM_ITEMS }, (_, item) => ({
          itemId: itemId(item),
          vector: embedding(kind, item),
        })),
    },
    store,
  });
  const rankers = rankerVersions({ versions, trainer, store, nowMs: () => nowMs });
  let numScorings = 0;
  const counted = new WeakSet<object>();
  const serving: ConstructorParameters<typeof RecommendationService>[0] = {
    rankers: {
      async active() {
        const ranker = await rankers.active();
        if (ranker && !counted.has(ranker.model)) {
          counted.add(ranker.model);
          const scoreHistory = ranker.model.scoreHistory.bind(ranker.model);
          ranker.model.scoreHistory = (items, strengths) => {
            numScorings++;
            return scoreHistory(items, strengths);
          };
        }
        return ranker;
      },
    },
    now,
    interactions: {
      historyOf: async id => rows.filter(row => row.userId === id),
      findPopularItems: async () => [
        { itemId: itemId(3), strength: 9 },
        { itemId: itemId(4), strength: 5 },
        { itemId: itemId(1), strength: 2 },
      ],
    },
    items: {
      filter: async (ids, { category }) =>
        new Set(
          ids.filter(id => category === null || Number(id.slice(5)) % 3 === Number(category)),
        ),
    },
  };
  return {
    now,
    /** Number of rankings computed from a history. */
    get numScorings() {
      return numScorings;
    },
    set numScorings(count: number) {
      numScorings = count;
    },
    /** As versions do that know only how many items each user had chosen. */
    withCountsOnly: () => ({
      recommendations: new RecommendationService({
        ...serving,
        rankers: {
          active: async () => {
            const ranker = (await rankers.active())!;
            const hadChosen = (user: number, chosen: readonly string[]) =>
              chosen.length <= ranker.numChosen[user];
            return { ...ranker, hadChosen };
          },
        },
      }),
    }),
    withContent: (likeThese: NonNullable<typeof serving.content>["likeThese"]) => ({
      recommendations: new RecommendationService({ ...serving, content: { likeThese } }),
    }),
    withReranked: (of: NonNullable<typeof serving.rerankedLists>["of"]) => ({
      recommendations: new RecommendationService({ ...serving, rerankedLists: { of } }),
    }),
    /** With items newer than the training, whose features have these indices. */
    withNewItems: (items: readonly { itemId: string; index: number }[]) => ({
      recommendations: new RecommendationService({
        ...serving,
        newItems: new NewItems({
          embeddings: {
            findExcept: async kind =>
              items.map(({ itemId: id, index }) => ({
                itemId: id,
                vector: embedding(kind, index),
              })),
          },
        }),
      }),
    }),
    /** Whether items are indexed. */
    embeddings,
    home,
    store,
    rows,
    versions,
    rankers,
    recommendations: new RecommendationService(serving),
    /** Advances the clock, so that another process's changes are seen. */
    wait: (durationMs: number) => (nowMs += durationMs),
    train: async (
      versionId: string,
      config: Record<string, unknown> = {},
      activate: boolean | null = true,
    ) => {
      const changed = { ...quickConfig, ...config };
      return (await rankers.train({ versionId, seed: 1, config: changed, activate })).version;
    },
    remove: () => rm(home, { recursive: true }),
  };
}
