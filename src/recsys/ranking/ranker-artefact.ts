/**
 * @file A stored ranking model: its weights, and the ids of its users and items.
 *
 * The files below the version's prefix are of the model that serves. Below `held-out/` are the split of its training, and
 * where the served model was trained on all parts of it (refit), the model of before: evaluations and everything that
 * learns from scores use these, see docs/adr/0017.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import {
  defaultFeedbackRules,
  type FeedbackRules,
  feedbackRulesSchema,
} from "../../config/feedback-rules.js";
import { decodeFiles, type NamedFiles } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import { AppError } from "../../errors/app-error.js";
import { parseJson } from "../../errors/parse-options.js";
import { textOf } from "../../ml/nn/model-files.js";
import { loadRecommender } from "../../ml/ranking/load-recommender.js";
import type { Checkpoint, Recommender } from "../../ml/ranking/recommender.js";
import type { Split } from "../evaluation/splits.js";
import { feedbackOf, type RankerConfig } from "./ranker-config.js";
import type { RankingDataset } from "./ranking-dataset.js";

/** The training's data and configuration, written beside the weights, so that a folder is self-describing. */
const lineageSchema = z.object({
  versionId: z.string(),
  seed: z.number(),
  config: z.looseObject({
    feedback: feedbackRulesSchema.optional(),
    minRating: z.number().optional(),
    features: z.array(z.looseObject({ modality: z.string() })).optional(),
  }),
  /** SHA-256 of the interactions and features. */
  dataHash: z.string(),
  metrics: z.looseObject({}),
  /** The newest interaction of the training data, ISO 8601. Absent in older versions. */
  dataUntil: z.iso.datetime().optional(),
  /** By user index. */
  userIds: z.array(z.string()).readonly(),
  /** By user index: number of distinct items the user had chosen at training. */
  numChosen: z.array(z.number()).readonly(),
  /** By user index: {@link choicesHash} of these items. Absent in older versions. */
  choicesHashes: z.array(z.string()).readonly().optional(),
  /** By item index. */
  itemIds: z.array(z.string()).readonly(),
});

type RankerLineage = z.infer<typeof lineageSchema>;

/** A model in memory with its mapping between ids and indices. */
export interface LoadedRanker {
  versionId: string;
  model: Recommender;
  itemIds: readonly string[];
  itemIndexOf: ReadonlyMap<string, number>;
  userIndexOf: ReadonlyMap<string, number>;
  numChosen: readonly number[];
  /** Whether the user had chosen exactly these items at training; for an older version, at least as many. */
  hadChosen(userIndex: number, itemIds: readonly string[]): boolean;
  /** What counted as chosen at training. */
  feedback: FeedbackRules;
  /** Modalities whose features were the shop's own, so that the pack's embeddings mean nothing to them. Default: none. */
  ownModalities?: readonly string[];
  /** The newest interaction of the training data; null for older versions. */
  dataUntil: Date | null;
}

/** A version as it was before its refit, with what its training held out. */
export interface HeldOutRanker {
  ranker: LoadedRanker;
  /** By the ranker's indices; null for older versions, which do not keep it. */
  split: Split | null;
}

/** Hash of a user's chosen items, in any order. */
function choicesHash(itemIds: readonly string[]): string {
  const content = JSON.stringify([...itemIds].sort());
  return createHash("sha256").update(content).digest("base64").slice(0, 16);
}

const LINEAGE_FILE = "lineage.json";
const HELD_OUT = "held-out";
const SPLIT_FILE = "split.json";

const itemLists = z.array(z.array(z.int().min(0)));
const splitSchema = z.object({ train: itemLists, validation: itemLists, test: itemLists });

type TrainedData = Pick<
  RankingDataset,
  "userIds" | "itemIds" | "timelines" | "modalities" | "dataHash"
> & {
  until?: Date | null;
  /** What the training held out. Default: not kept, so that the version can be evaluated on its own data only. */
  split?: Split;
  /** The model of before the refit. Default: `model` was not refitted. */
  beforeRefit?: Recommender;
};

/** What a version records of its training, and its files. @param measured Goes into its metrics. */
export function trainedVersion<Measured extends object>(
  model: Recommender,
  about: { versionId: string; seed: number; config: RankerConfig },
  data: TrainedData,
  measured: Measured,
) {
  const { beforeRefit, dataHash, itemIds, split, timelines, until, userIds } = data;
  const metrics = {
    ...measured,
    numUsers: userIds.length,
    numItems: itemIds.length,
    numInteractions: timelines.reduce((sum, items) => sum + items.length, 0),
    modalities: data.modalities.map(({ name }) => name),
  };
  const numChosen = timelines.map(items => items.length);
  const choicesHashes = timelines.map(items => choicesHash(items.map(item => itemIds[item])));
  const choices = { userIds, numChosen, choicesHashes, itemIds };
  const lineage: RankerLineage = {
    ...about,
    dataHash,
    metrics,
    ...(until && { dataUntil: until.toISOString() }),
    ...choices,
  };
  const heldOut = {
    ...beforeRefit?.toFiles(),
    ...(split && { [SPLIT_FILE]: encodeSplit(split) }),
  };
  const files = {
    ...Object.fromEntries(
      Object.entries(heldOut).map(([name, bytes]) => [`${HELD_OUT}/${name}`, bytes]),
    ),
    ...model.toFiles(),
    [LINEAGE_FILE]: Buffer.from(`${JSON.stringify(lineage)}\n`),
  };
  return { metrics, dataHash, files };
}

function encodeSplit({ train, validation, test }: Split): Uint8Array {
  const lists = (part: readonly Int32Array[]) => part.map(items => [...items]);
  const content = { train: lists(train), validation: lists(validation), test: lists(test) };
  return Buffer.from(`${JSON.stringify(content)}\n`);
}

/** The state of a training that may be stopped: the training that reads it resumes there. */
export function checkpointAt(store: ArtefactStore, key: string): Checkpoint {
  return { name: key, read: () => store.get(key), write: bytes => store.put(key, bytes) };
}

/** @param prefix The `artefactPath` of the version. @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
export function loadRanker(store: ArtefactStore, prefix: string): Promise<LoadedRanker> {
  return decodeFiles(store, prefix, decodeRanker);
}

/**
 * The model that has not seen what its training held out, and the split. For a version without refit this is the model that
 * serves.
 *
 * @throws AppError FILE_NOT_FOUND, FILE_MALFORMED
 */
export async function loadHeldOut(store: ArtefactStore, prefix: string): Promise<HeldOutRanker> {
  const ranker = await loadRanker(store, prefix);
  return decodeFiles(store, `${prefix}/${HELD_OUT}`, files => {
    const split = Object.hasOwn(files, SPLIT_FILE) ? decodeSplit(files, ranker) : null;
    if (!Object.hasOwn(files, "config.json")) {
      return { ranker, split }; // not refitted
    }
    ranker.model.dispose();
    return { ranker: { ...ranker, model: loadRecommender(files) }, split };
  });
}

function decodeSplit(files: NamedFiles, { itemIds, userIndexOf }: LoadedRanker): Split {
  const malformed = (reason: string) =>
    new AppError("FILE_MALFORMED", { path: SPLIT_FILE, expected: "a ranker's split", reason });
  const { train, validation, test } = parseJson(textOf(files, SPLIT_FILE), splitSchema, malformed);
  for (const part of [train, validation, test]) {
    if (part.length !== userIndexOf.size || part.flat().some(item => item >= itemIds.length)) {
      throw malformed(`it is not of ${userIndexOf.size} users and ${itemIds.length} items`);
    }
  }
  const lists = (part: readonly number[][]) => part.map(items => Int32Array.from(items));
  return { train: lists(train), validation: lists(validation), test: lists(test) };
}

function decodeRanker(files: NamedFiles): LoadedRanker {
  const model = loadRecommender(files);
  const malformed = (reason: string) =>
    new AppError("FILE_MALFORMED", { path: LINEAGE_FILE, expected: "a ranker's lineage", reason });
  const lineage = parseJson(textOf(files, LINEAGE_FILE), lineageSchema, malformed);
  const { choicesHashes, versionId, userIds, itemIds, numChosen, config, dataUntil } = lineage;
  if (itemIds.length !== model.numItems || userIds.length !== model.numUsers) {
    throw malformed(`it is not of a model of ${model.numUsers} users and ${model.numItems} items`);
  }
  return {
    versionId,
    model,
    itemIds,
    numChosen,
    hadChosen: (userIndex, chosen) =>
      choicesHashes
        ? chosen.length === numChosen[userIndex] && choicesHash(chosen) === choicesHashes[userIndex]
        : chosen.length <= numChosen[userIndex],
    itemIndexOf: new Map(itemIds.map((id, index) => [id, index])),
    userIndexOf: new Map(userIds.map((id, index) => [id, index])),
    ownModalities: config.features?.map(({ modality }) => modality),
    dataUntil: dataUntil === undefined ? null : new Date(dataUntil),
    feedback: feedbackOf(config, defaultFeedbackRules), // older versions recorded only `minRating`
  };
}
