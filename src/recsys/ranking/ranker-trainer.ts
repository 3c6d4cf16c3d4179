/**
 * @file Trains versions of the ranking model on the imported and indexed data, and measures them on held-out items.
 *
 * A training has two fits. The first learns the train part, and validation chooses its epoch; the version's metrics are its.
 * The second (refit) learns all interactions for as many epochs, and serves: the newest choices of every user, which the
 * first never sees, say most about the next. See docs/adr/0017.
 */
import { defaultFeedbackRules, type FeedbackRules } from "../../config/feedback-rules.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import { AppError } from "../../errors/app-error.js";
import { contentHash } from "../../ml/content-hash.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import type { Progress, WorkHooks } from "../../ml/progress.js";
import type { RankingData, Recommender } from "../../ml/ranking/recommender.js";
import { evaluateRanker, type MeanMetrics } from "../evaluation/evaluate-ranker.js";
import { fitProgress } from "../evaluation/fit-progress.js";
import { splitHash } from "../evaluation/held-out.js";
import {
  leaveLastOneSplit,
  randomSplit,
  ratioSplit,
  type Split,
  timeSplit,
  wholeOf,
} from "../evaluation/splits.js";
import type { Trainer, VersionPlace } from "../versions/trained-version.service.js";
import { assertComplete, type OwnFeaturesStore } from "./own-features.js";
import { checkpointAt, trainedVersion } from "./ranker-artefact.js";
import { createRanker, feedbackOf, rankerConfig, type RankerConfig } from "./ranker-config.js";
import {
  type EmbeddingEntry,
  type InteractionEntry,
  type RankingDataset,
  rankingDataset,
  trainStrengths,
} from "./ranking-dataset.js";

/** Minimum number of choices: enough for a split and a batch. */
export const MIN_CHOICES = 20;

/** The `metrics` of a ready version; a type, not an interface, so that it is assignable to JSON. */
export type VersionMetrics = Readonly<{
  /** Means over users, fractions 0..1, by `<metric>@<cut-off>`. */
  validation: MeanMetrics;
  test: MeanMetrics;
  /** The selected epoch. */
  epoch: number;
  /** Of both fits. */
  trainingSeconds: number;
  /** Whether the model that serves was trained on the held-out items too. */
  isRefitted: boolean;
  numUsers: number;
  numItems: number;
  /** Distinct chosen items, summed over users. */
  numInteractions: number;
  /** Modalities of its training, such as `visual`. */
  modalities: string[];
}>;

interface Dependencies {
  interactions: { streamAll(): AsyncIterable<readonly InteractionEntry[]> };
  /** All items' embeddings of one kind by the current encoder. */
  embeddings: { findAll(kind: "IMAGE" | "CAPTION"): Promise<readonly EmbeddingEntry[]> };
  /** Features of the shop's own. Default: none, and a configuration must have none. */
  ownFeatures?: Pick<OwnFeaturesStore, "find">;
  /** What counts as chosen in this shop. Default: `defaultFeedbackRules`. */
  feedback?: FeedbackRules;
  /** Has the checkpoints. */
  store: ArtefactStore;
}

export class RankerTrainer implements Trainer<{ algorithm: string }> {
  readonly folder = "rankers";

  constructor(private readonly deps: Dependencies) {}

  /** @throws AppError INVALID_ARGUMENT; its `fit`: TOO_FEW_INTERACTIONS, EMBEDDINGS_MISSING, NOTHING_TO_COMPARE, TRAINING_DIVERGED */
  async prepare(given: { config: Readonly<Record<string, unknown>>; seed: number }) {
    const config = this.resolved(rankerConfig(given.config));
    return {
      columns: { algorithm: config.algorithm, config },
      fit: (place: VersionPlace, hooks: WorkHooks) =>
        this.fit(place, { config, seed: given.seed }, hooks),
    };
  }

  private async fit(
    { versionId, artefactPath, checkpoint: folder }: VersionPlace,
    { config, seed }: { config: RankerConfig; seed: number },
    { signal, onProgress }: WorkHooks,
  ) {
    onProgress?.({ fraction: 0, stage: "reading interactions and embeddings" });
    const { dataset, split } = await this.read(config, seed);
    const { store } = this.deps;
    const refits = config.refit ?? true;
    const [first, second] = ["checkpoint", "refit"].map(name =>
      checkpointAt(store, `${folder}/${name}.safetensors`),
    );
    onProgress?.({ fraction: 0, stage: `preparing ${config.algorithm}` });
    const dataHash = contentHash([dataset.dataHash, splitHash(split)]);
    if (!(await isTrainedOn(store, `${artefactPath}/data-hash`, dataHash))) {
      await store.delete(first.name); // of other data: restart
      await store.delete(second.name);
    }
    const model = createRanker(config, seed);
    let refitted: Recommender | null = null;
    try {
      const startMs = performance.now();
      const share = refits ? 0.5 : 1;
      const fitted = await model.fit(rankingData(dataset, split), {
        signal,
        checkpoint: first,
        ...fitProgress(partOf(onProgress, { from: 0, share })),
      });
      onProgress?.({ fraction: share, stage: "measuring on the held-out items" });
      const metrics = { ...(await evaluation(model, split)), epoch: fitted.epoch };
      if (refits) {
        refitted = createRanker(forEpochs(config, fitted.epoch), seed);
        await refitted.fit(wholeData(dataset, split), {
          signal,
          checkpoint: second,
          ...fitProgress(
            partOf(onProgress, { from: share, share, label: "on all interactions, " }),
          ),
        });
      }
      onProgress?.({ fraction: 1, stage: "storing the version" });
      const trainingSeconds = (performance.now() - startMs) / 1_000;
      return trainedVersion(
        refitted ?? model,
        { versionId, config, seed },
        { ...dataset, split, ...(refitted && { beforeRefit: model }) },
        { ...metrics, trainingSeconds, isRefitted: refits },
      );
    } finally {
      model.dispose();
      refitted?.dispose();
    }
  }

  /** The current training and evaluation data of a version with this configuration and seed. */
  async read(
    config: RankerConfig,
    seed: number,
  ): Promise<{ dataset: RankingDataset; split: Split }> {
    const dataset = await this.readDataset(config);
    return { dataset, split: splitOf(dataset, config.split, seed) };
  }

  /** Records the shop's rules in the configuration, so that the version keeps them when the shop's change. */
  private resolved({ minRating, ...config }: RankerConfig): RankerConfig {
    const { feedback = defaultFeedbackRules } = this.deps;
    return { ...config, feedback: feedbackOf({ ...config, minRating }, feedback) };
  }

  /** By modality. */
  private async ownFeatures({
    features = [],
  }: RankerConfig): Promise<Record<string, EmbeddingEntry[]>> {
    const own: Record<string, EmbeddingEntry[]> = {};
    for (const reference of features) {
      const { ownFeatures } = this.deps;
      if (!ownFeatures) {
        throw new Error("RankerTrainer: a configuration with features needs where they are kept");
      }
      own[reference.modality] = await ownFeatures.find(reference);
    }
    return own;
  }

  private async readDataset(config: RankerConfig): Promise<RankingDataset> {
    const { interactions, embeddings } = this.deps;
    const { coreSize, feedback } = this.resolved(config);
    const rows: InteractionEntry[] = [];
    for await (const batch of interactions.streamAll()) {
      rows.push(...batch);
    }
    const own = await this.ownFeatures(config);
    const features = {
      visual: own.visual ?? (await embeddings.findAll("IMAGE")),
      textual: own.textual ?? (await embeddings.findAll("CAPTION")),
      ...own,
    };
    const dataset = rankingDataset(rows, features, { feedback, coreSize });
    Object.entries(own).forEach(([modality, entries]) => {
      assertComplete(dataset, modality, entries);
    });
    if (numChoices(dataset) < MIN_CHOICES) {
      const got = numChoices(dataset);
      throw new AppError("TOO_FEW_INTERACTIONS", { needed: MIN_CHOICES, got });
    }
    return dataset;
  }
}

/** @param data.times Needed by a split by time. */
export function splitOf(
  { timelines, times }: Pick<RankingDataset, "timelines"> & Partial<Pick<RankingDataset, "times">>,
  kind: RankerConfig["split"],
  seed: number,
): Split {
  switch (kind) {
    case "ratio":
      return ratioSplit(timelines);
    case "leaveLastOne":
      return leaveLastOneSplit(timelines);
    case "time":
      if (!times) {
        throw new Error("splitOf: expected the times of choices for a split by time");
      }
      return timeSplit(timelines, times);
    case "random":
      return randomSplit(timelines, new Random(seedFrom("split", seed)));
  }
}

/** The model's data, without the test part. */
function rankingData(dataset: RankingDataset, { train, validation }: Split): RankingData {
  return { ...dataOf(dataset, train), validation };
}

/** All interactions, without validation: a refit has its number of epochs already. */
function wholeData(dataset: RankingDataset, split: Split): RankingData {
  return dataOf(dataset, wholeOf(split));
}

function dataOf(dataset: RankingDataset, train: readonly Int32Array[]): RankingData {
  const { itemIds, modalities, userIds } = dataset;
  const strengths = trainStrengths(dataset, train);
  return { numUsers: userIds.length, numItems: itemIds.length, train, strengths, modalities };
}

/** The same model, trained for exactly these epochs; a closed form has none. */
function forEpochs(config: RankerConfig, numEpochs: number): RankerConfig {
  const { model } = config;
  return model.numEpochs === undefined ? config : { ...config, model: { ...model, numEpochs } };
}

/** Progress of one of several fits, as a part of the whole. */
function partOf(
  onProgress: WorkHooks["onProgress"],
  { from, share, label = "" }: { from: number; share: number; label?: string },
) {
  return ({ fraction, stage }: Progress) =>
    onProgress?.({ fraction: from + share * fraction, stage: `${label}${stage}` });
}

async function evaluation(model: Recommender, { train, validation, test }: Split) {
  return {
    validation: (await evaluateRanker(model, validation, [train])).metrics,
    test: (await evaluateRanker(model, test, [train, validation])).metrics,
  };
}

/** Whether the version's checkpoint is of this data; records the data for the next time. */
async function isTrainedOn(store: ArtefactStore, key: string, dataHash: string): Promise<boolean> {
  const before = await store.get(key);
  await store.put(key, Buffer.from(dataHash));
  return before !== null && Buffer.from(before).toString("utf8") === dataHash;
}

function numChoices({ timelines }: RankingDataset): number {
  return timelines.reduce((sum, items) => sum + items.length, 0);
}
