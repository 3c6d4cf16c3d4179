/** @file An in-memory shop: two tastes, twelve items, and repositories for the services. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderArtefactStore } from "../../../../src/db/artefact-store.js";
import type { RankingModelVersionsRepository } from "../../../../src/db/ranking-model-versions.repository.js";
import type { RankingModelVersionRow } from "../../../../src/db/rows.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { NewItems } from "../../../../src/recsys/ranking/new-items.js";
import { RankerRegistry } from "../../../../src/recsys/ranking/ranker-registry.service.js";
import { RankerTrainingService } from "../../../../src/recsys/ranking/ranker-training.service.js";
import type { InteractionEntry } from "../../../../src/recsys/ranking/ranking-dataset.js";
import { RecommendationService } from "../../../../src/recsys/ranking/recommendation.service.js";

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

export class ExemplarVersions implements Pick<
  RankingModelVersionsRepository,
  | "begin"
  | "findById"
  | "findActive"
  | "findPrevious"
  | "complete"
  | "fail"
  | "activate"
  | "rollBack"
> {
  readonly rows = new Map<string, RankingModelVersionRow>();
  numReads = 0;
  private clock = 0;

  async begin(version: Parameters<RankingModelVersionsRepository["begin"]>[0]) {
    const row = this.rows.get(version.id) ?? {
      ...version,
      config: version.config as RankingModelVersionRow["config"],
      isActive: false,
      metrics: null,
      dataHash: null,
      artefactPath: null,
      createdAt: new Date(0),
      trainedAt: null,
      activatedAt: null,
    };
    return this.set({ ...row, state: "TRAINING", failure: null });
  }

  async findById(id: string) {
    return this.rows.get(id) ?? null;
  }

  async findActive() {
    this.numReads++;
    return [...this.rows.values()].find(({ isActive }) => isActive) ?? null;
  }

  async findPrevious() {
    const times = [...this.rows.values()]
      .filter(({ isActive, activatedAt }) => !isActive && activatedAt)
      .sort((a, b) => b.activatedAt!.getTime() - a.activatedAt!.getTime());
    return times[0] ?? null;
  }

  async complete(id: string, outcome: Parameters<RankingModelVersionsRepository["complete"]>[1]) {
    const row = this.rows.get(id)!;
    return this.set({
      ...row,
      ...outcome,
      metrics: outcome.metrics,
      state: "READY",
      trainedAt: new Date(0),
    });
  }

  async fail(id: string, failure: string) {
    this.set({ ...this.rows.get(id)!, state: "FAILED", failure });
  }

  async activate(id: string) {
    this.rows.forEach(row => this.set({ ...row, isActive: false }));
    const activatedAt = new Date(++this.clock);
    return this.set({ ...this.rows.get(id)!, isActive: true, activatedAt });
  }

  async rollBack(currentId: string, previousId: string) {
    this.set({ ...this.rows.get(currentId)!, isActive: false, activatedAt: null });
    return this.set({ ...this.rows.get(previousId)!, isActive: true });
  }

  private set(row: RankingModelVersionRow): RankingModelVersionRow {
    this.rows.set(row.id, row);
    return row;
  }
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
  const versions = new ExemplarVersions();
  const now = () => new Date(Date.UTC(2026, 1, 1));
  let nowMs = 0;
  const embeddings = { isEmpty: false };
  const registry = new RankerRegistry({ versions, store, nowMs: () => nowMs });
  const training = new RankerTrainingService({
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
    versions,
    registry,
    store,
  });
  let numScorings = 0;
  const counted = new WeakSet<object>();
  const serving: ConstructorParameters<typeof RecommendationService>[0] = {
    rankers: {
      async active() {
        const ranker = await registry.active();
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
    withContent: (likeThese: NonNullable<typeof serving.content>["likeThese"]) => ({
      recommendations: new RecommendationService({ ...serving, content: { likeThese } }),
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
    rows,
    versions,
    registry,
    training,
    recommendations: new RecommendationService(serving),
    /** Advances the clock, so that another process's changes are seen. */
    wait: (durationMs: number) => (nowMs += durationMs),
    train: async (
      versionId: string,
      config: Record<string, unknown> = {},
      activate: boolean | null = true,
    ) => {
      const changed = { ...quickConfig, ...config };
      return (await training.train({ versionId, seed: 1, config: changed, activate })).version;
    },
    remove: () => rm(home, { recursive: true }),
  };
}
