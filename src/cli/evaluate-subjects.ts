/** @file The subjects of `vitrine evaluate`: versions of the database, or configurations to train first. */
import { existsSync } from "node:fs";
import { AppError } from "../errors/app-error.js";
import type { Recommender } from "../ml/ranking/recommender.js";
import type { Services } from "../plugin/create-services.js";
import { readPreparedData, type SplitKind } from "../recsys/datasets/prepared-data.js";
import type { RankerEvaluation } from "../recsys/evaluation/evaluate-ranker.js";
import { fitProgress } from "../recsys/evaluation/fit-progress.js";
import {
  assertComparable,
  type HeldOut,
  heldOutOf,
  splitHash,
} from "../recsys/evaluation/held-out.js";
import type { Split } from "../recsys/evaluation/splits.js";
import {
  evaluatePart,
  fitRanker,
  type TrainingView,
} from "../recsys/lab/rankers/fit-and-evaluate.js";
import { type LoadedRanker, loadHeldOut } from "../recsys/ranking/ranker-artefact.js";
import { type RankerConfig, rankerConfig } from "../recsys/ranking/ranker-config.js";
import { trainStrengths } from "../recsys/ranking/ranking-dataset.js";
import type { CliContext } from "./cli-context.js";
import { jsonObject, readJsonFile } from "./json-file.js";
import { withProgress } from "./progress.js";
import { withServices } from "./with-services.js";

export interface EvaluateOptions {
  /** Folder of prepared data; default: the database. */
  data?: string;
  /** Of prepared data. */
  split: SplitKind;
  on: "validation" | "test";
  /** Cut-offs. */
  at: readonly number[];
  seed: number;
}

/** The identity of the evaluation's question. */
export interface EvaluatedRanker {
  /** As named: a version's id or a file's path. */
  ranker: string;
  /** Null for a configuration, which is trained and discarded. */
  versionId: string | null;
  config: RankerConfig;
  /** Of the training, and of a random split. */
  seed: number;
  split: { kind: string; hash: string };
  dataHash: string;
  heldOut: HeldOut;
  evaluation: RankerEvaluation;
}

/** A ranker before its evaluation. */
interface Subject extends Omit<EvaluatedRanker, "evaluation"> {
  measure: () => Promise<RankerEvaluation>;
}

/** @throws AppError NOT_COMPARABLE before any training. */
export async function evaluateSubjects(
  context: CliContext,
  rankers: readonly string[],
  options: EvaluateOptions,
): Promise<EvaluatedRanker[]> {
  if (options.data !== undefined) {
    return measureSubjects(await readPreparedSubjects(options.data, rankers, options));
  }
  return withServices(context, async services =>
    measureSubjects(await readDatabaseSubjects(services, rankers, options)),
  );
}

async function measureSubjects(subjects: readonly Subject[]): Promise<EvaluatedRanker[]> {
  assertComparable(subjects.map(({ ranker, heldOut }) => ({ name: ranker, heldOut })));
  const results: EvaluatedRanker[] = [];
  for (const { measure, ...subject } of subjects) {
    results.push({ ...subject, evaluation: await measure() });
  }
  return results;
}

async function readPreparedSubjects(
  folder: string,
  rankers: readonly string[],
  { split: kind, seed, on, at }: EvaluateOptions,
): Promise<Subject[]> {
  if (rankers.length === 0) {
    const problem = "must name a configuration: --data has no trained versions";
    throw new AppError("INVALID_ARGUMENT", { argument: "rankers", problem });
  }
  const data = await readPreparedData(folder);
  const { dataHash } = data;
  const split = await data.split(kind, seed);
  const ids = {
    userIds: Array.from({ length: data.numUsers }, (_, user) => user),
    itemIds: Array.from({ length: data.numItems }, (_, item) => item),
  };
  const heldOut = heldOutOf(ids, split, on);
  const about = { versionId: null, seed, split: { kind, hash: splitHash(split) }, dataHash };
  return Promise.all(
    rankers.map(async ranker => {
      const config = await readConfig(ranker);
      const measure = () => trainAndMeasure(config, { ...data, split }, { seed, on, at });
      return { ranker, config, heldOut, ...about, measure };
    }),
  );
}

async function readDatabaseSubjects(
  { rankerTrainer, rankers: versions, store }: Services,
  rankers: readonly string[],
  { seed, on, at }: EvaluateOptions,
): Promise<Subject[]> {
  const active = await versions.activeVersionId();
  if (rankers.length === 0 && active === null) {
    throw new AppError("RANKER_NOT_TRAINED");
  }
  const subjects: Subject[] = [];
  for (const ranker of rankers.length > 0 ? rankers : [active!]) {
    const version = existsSync(ranker) ? null : await versions.find(ranker);
    if (version?.artefactPath === null) {
      throw new AppError("RANKER_NOT_READY", { versionId: ranker, state: version.state });
    }
    const config = version
      ? rankerConfig(version.config as Record<string, unknown>)
      : await readConfig(ranker);
    const own = { ranker, config, seed: version?.seed ?? seed };
    const stored = version && (await loadHeldOut(store, version.artefactPath)); // refused above without
    if (version && stored?.split) {
      const { split } = stored;
      const { itemIds, userIndexOf } = stored.ranker;
      const ids = { userIds: [...userIndexOf.keys()], itemIds };
      subjects.push({
        ...own,
        versionId: version.id,
        split: { kind: config.split, hash: splitHash(split) },
        dataHash: version.dataHash ?? "", // a ready version has one
        heldOut: heldOutOf(ids, split, on),
        measure: () => measureStored(stored.ranker, { split, part: on }, at),
      });
      continue;
    }
    const { dataset, split } = await rankerTrainer.read(config, own.seed);
    if (version && version.dataHash !== dataset.dataHash) {
      throw new AppError("RANKER_DATA_CHANGED", { versionId: ranker });
    }
    const { userIds, itemIds, modalities, dataHash } = dataset;
    const strengths = trainStrengths(dataset, split.train);
    const [numUsers, numItems] = [userIds.length, itemIds.length];
    const view = { numUsers, numItems, modalities, strengths, split };
    subjects.push({
      ...own,
      versionId: version?.id ?? null,
      split: { kind: config.split, hash: splitHash(split) },
      dataHash,
      heldOut: heldOutOf(dataset, split, on),
      measure: () =>
        stored
          ? measureStored(stored.ranker, { split, part: on }, at)
          : trainAndMeasure(config, view, { seed: own.seed, on, at }),
    });
  }
  return subjects;
}

async function readConfig(path: string): Promise<RankerConfig> {
  return rankerConfig(await readJsonFile(path, "a configuration", jsonObject));
}

type WholeView = TrainingView & { split: Split };

function measureStored(
  { itemIds, model }: LoadedRanker,
  { part, split }: { split: Split; part: EvaluateOptions["on"] },
  cutoffs: readonly number[],
): Promise<RankerEvaluation> {
  return evaluateAndDispose(model, { split, part, numItems: itemIds.length }, cutoffs);
}

async function trainAndMeasure(
  config: RankerConfig,
  { split, ...data }: WholeView,
  { seed, on, at }: Pick<EvaluateOptions, "seed" | "on" | "at">,
): Promise<RankerEvaluation> {
  const { train, validation } = split;
  const view = { ...data, split: { train, validation } };
  const { model } = await withProgress(config.algorithm, show =>
    fitRanker(config, seed, view, fitProgress(show)),
  );
  return evaluateAndDispose(model, { split, part: on, numItems: data.numItems }, at);
}

async function evaluateAndDispose(
  model: Recommender,
  view: { split: Split; part: EvaluateOptions["on"]; numItems: number },
  cutoffs: readonly number[],
): Promise<RankerEvaluation> {
  try {
    return await evaluatePart(model, view, { cutoffs });
  } finally {
    model.dispose();
  }
}
