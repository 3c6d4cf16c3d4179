/**
 * @file The shop as the active ranking model saw it in training: the same users, items and split, and what retrieval knows of
 * the items. Everything that learns from rewards or is measured by rank changes starts here, so that one split holds for all.
 *
 * Interactions after the ranking model's training are left out: each user keeps the items that the training saw. The model is
 * the one of before the refit: it has not seen the held-out items, so what is measured on them is not leaked.
 */
import type { ArtefactStore } from "../../db/artefact-store.js";
import type { ItemWithEmbeddings } from "../../db/retrieval.repository.js";
import { AppError } from "../../errors/app-error.js";
import { type Split, wholeOf } from "../evaluation/splits.js";
import { assertPackFeatures } from "../ranking/image-ranking.js";
import { type LoadedRanker, loadHeldOut } from "../ranking/ranker-artefact.js";
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
  rankers: { activeVersionId(): Promise<string | null> };
  versions: {
    findById(
      id: string,
    ): Promise<{ config: unknown; seed: number; artefactPath: string | null } | null>;
  };
  /** Has the model of before the refit, which has not seen the held-out items. */
  store: ArtefactStore;
  interactions: { streamAll(): AsyncIterable<readonly InteractionEntry[]> };
  /** Every item with its embeddings by the current encoder and its picture. */
  items: { findAll(): Promise<readonly ShopItem[]> };
}

/** @throws AppError `RANKER_NOT_TRAINED`, `RANKER_HAS_OWN_FEATURES` */
export async function readShopSnapshot(deps: Dependencies): Promise<ShopSnapshot> {
  const versionId = await deps.rankers.activeVersionId();
  const version = versionId === null ? null : await deps.versions.findById(versionId);
  const artefactPath = version?.artefactPath;
  if (!version || !artefactPath) {
    throw new AppError("RANKER_NOT_TRAINED");
  }
  const { ranker, split: kept } = await loadHeldOut(deps.store, artefactPath);
  assertPackFeatures(ranker); // what trains on a snapshot trains rankers on the pack's embeddings
  const config = rankerConfig(version.config as Record<string, unknown>);
  const rows: InteractionEntry[] = [];
  for await (const batch of deps.interactions.streamAll()) {
    rows.push(...batch);
  }
  const items = new Map((await deps.items.findAll()).map(item => [item.itemId, item]));
  const userIds = [...ranker.userIndexOf.keys()]; // in the order of the indices
  const { strengths, timelines } = timelinesOf(ranker, rows, kept && wholeOf(kept));
  const split = kept
    ? presentIn(kept, timelines)
    : splitOf({ timelines }, config.split, version.seed);
  return { ranker, config, seed: version.seed, userIds, timelines, strengths, split, items };
}

/** The split without interactions that were removed since. */
function presentIn(split: Split, timelines: ShopSnapshot["timelines"]): Split {
  const present = timelines.map(items => new Set(items));
  const kept = (part: readonly Int32Array[]) =>
    part.map((items, user) => items.filter(item => present[user].has(item)));
  const { train, validation, test } = split;
  return { train: kept(train), validation: kept(validation), test: kept(test) };
}

/** @param seen What the training saw of each user; null for older versions: as many choices as then, the first ones. */
function timelinesOf(
  { feedback, itemIndexOf, numChosen, userIndexOf }: LoadedRanker,
  rows: readonly InteractionEntry[],
  seen: readonly Int32Array[] | null,
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
      const own = seen && new Set(seen[user]);
      const before = own
        ? known.filter(({ itemIndex }) => own.has(itemIndex))
        : known.slice(0, numChosen[user]);
      timelines[user] = before.map(({ itemIndex }) => itemIndex);
      if (strengths) {
        strengths[user] = before.map(({ strength }) => strength!); // all have one, or none has
      }
    }
  });
  return { timelines, strengths };
}
