/** @file A stored ranking model: its weights, and the ids of its users and items. */
import { createHash } from "node:crypto";
import { defaultFeedbackRules, type FeedbackRules } from "../../config/feedback-rules.js";
import { decodeFiles, type NamedFiles } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import { AppError } from "../../errors/app-error.js";
import { fileOf } from "../../ml/nn/model-files.js";
import { loadRecommender } from "../../ml/ranking/load-recommender.js";
import type { Checkpoint, Recommender } from "../../ml/ranking/recommender.js";
import { feedbackOf } from "./ranker-config.js";

/** The training's data and configuration, written beside the weights, so that a folder is self-describing. */
export interface RankerLineage {
  versionId: string;
  seed: number;
  config: object;
  /** SHA-256 of the interactions and features. */
  dataHash: string;
  metrics: object;
  /** By user index. */
  userIds: readonly string[];
  /** By user index: number of distinct items the user had chosen at training. */
  numChosen: readonly number[];
  /** By user index: {@link choicesHash} of these items. Absent in older versions. */
  choicesHashes?: readonly string[];
  /** By item index. */
  itemIds: readonly string[];
}

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
}

/** Hash of a user's chosen items, in any order. */
export function choicesHash(itemIds: readonly string[]): string {
  const content = JSON.stringify([...itemIds].sort());
  return createHash("sha256").update(content).digest("base64").slice(0, 16);
}

const LINEAGE_FILE = "lineage.json";

export function rankerFiles(model: Recommender, lineage: RankerLineage): NamedFiles {
  const json = Buffer.from(`${JSON.stringify(lineage)}\n`);
  return { ...model.toFiles(), [LINEAGE_FILE]: json };
}

/** The state of a training that may be stopped: the training that reads it resumes there. */
export function checkpointAt(store: ArtefactStore, key: string): Checkpoint {
  return { name: key, read: () => store.get(key), write: bytes => store.put(key, bytes) };
}

/** @param prefix The `artefactPath` of the version. @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
export function loadRanker(store: ArtefactStore, prefix: string): Promise<LoadedRanker> {
  return decodeFiles(store, prefix, decodeRanker);
}

function decodeRanker(files: NamedFiles): LoadedRanker {
  const model = loadRecommender(files);
  const malformed = (reason: string) =>
    new AppError("FILE_MALFORMED", { path: LINEAGE_FILE, expected: "a ranker's lineage", reason });
  const text = Buffer.from(fileOf(files, LINEAGE_FILE)).toString("utf8");
  let lineage: RankerLineage;
  try {
    lineage = JSON.parse(text) as RankerLineage; // checked against the model below
  } catch {
    throw malformed("it is not JSON");
  }
  const { choicesHashes, versionId, userIds, itemIds, numChosen, config } = lineage;
  if (itemIds?.length !== model.numItems || userIds?.length !== model.numUsers) {
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
    feedback: feedbackOf(config, defaultFeedbackRules), // older versions recorded only `minRating`
  };
}
