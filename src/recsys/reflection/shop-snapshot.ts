/**
 * @file The shop as the active ranking model saw it in training: the same users, items and split, and what retrieval knows of
 * the items. Everything that learns from rewards or is measured by rank changes starts here, so that one split holds for all.
 *
 * Interactions after the ranking model's training are left out: each user keeps the items that the training saw.
 */
import type { ItemWithEmbeddings } from "../../db/retrieval.repository.js";
import { AppError } from "../../errors/app-error.js";
import type { Split } from "../evaluation/splits.js";
import { assertPackFeatures } from "../ranking/image-ranking.js";
import type { LoadedRanker } from "../ranking/ranker-artefact.js";
import { rankerConfig, type RankerConfig } from "../ranking/ranker-config.js";
import { splitOf } from "../ranking/ranker-trainer.js";
import {
  type InteractionEntry,
  rankingDataset,
  type Strengths,
} from "../ranking/ranking-dataset.js";

export type ShopItem = ItemWithEmbeddings;

export interface ShopSnapshot {
  ranker: LoadedRanker;
  config: RankerConfig;
  /** Of the ranking model, and of its split. */
  seed: number;
  /** By the ranking model's user index. */
  userIds: readonly string[];
  /** By the ranking model's user index: item indices in the order of time. */
  timelines: readonly (readonly number[])[];
  /** How much these choices count; absent when all count alike. */
  strengths?: Strengths;
  split: Split;
  items: ReadonlyMap<string, ShopItem>;
}

interface Dependencies {
  rankers: { active(): Promise<LoadedRanker | null> };
  versions: { findById(id: string): Promise<{ config: unknown; seed: number } | null> };
  interactions: { streamAll(): AsyncIterable<readonly InteractionEntry[]> };
  /** Every item with its embeddings by the current encoder and its picture. */
  items: { findAll(): Promise<readonly ShopItem[]> };
}

/** @throws AppError `RANKER_NOT_TRAINED`, `RANKER_HAS_OWN_FEATURES` */
export async function readShopSnapshot(deps: Dependencies): Promise<ShopSnapshot> {
  const ranker = await deps.rankers.active();
  const version = ranker && (await deps.versions.findById(ranker.versionId));
  if (!ranker || !version) {
    throw new AppError("RANKER_NOT_TRAINED");
  }
  assertPackFeatures(ranker); // what trains on a snapshot trains rankers on the pack's embeddings
  const config = rankerConfig(version.config as Record<string, unknown>);
  const rows: InteractionEntry[] = [];
  for await (const batch of deps.interactions.streamAll()) {
    rows.push(...batch);
  }
  const items = new Map((await deps.items.findAll()).map(item => [item.itemId, item]));
  const userIds = [...ranker.userIndexOf.keys()]; // in the order of the indices
  const { strengths, timelines } = timelinesOf(ranker, rows);
  const split = splitOf({ timelines }, config.split, version.seed);
  return { ranker, config, seed: version.seed, userIds, timelines, strengths, split, items };
}

function timelinesOf(
  { feedback, itemIndexOf, numChosen, userIndexOf }: LoadedRanker,
  rows: readonly InteractionEntry[],
): Pick<ShopSnapshot, "strengths" | "timelines"> {
  const now = rankingDataset(rows, {}, { feedback });
  const timelines = Array.from(userIndexOf, (): number[] => []);
  const strengths = now.strengths && Array.from(userIndexOf, (): number[] => []);
  now.userIds.forEach((userId, index) => {
    const user = userIndexOf.get(userId);
    if (user !== undefined) {
      const known = now.timelines[index].flatMap((item, n) => {
        const itemIndex = itemIndexOf.get(now.itemIds[item]);
        return itemIndex === undefined ? [] : [{ itemIndex, strength: now.strengths?.[index][n] }];
      });
      const before = known.slice(0, numChosen[user]);
      timelines[user] = before.map(({ itemIndex }) => itemIndex);
      if (strengths) {
        strengths[user] = before.map(({ strength }) => strength!); // all have one, or none has
      }
    }
  });
  return { timelines, strengths };
}
