/** @file Trains versions of the ranking model on the imported and indexed data, and measures them on held-out items. */
import { defaultFeedbackRules, type FeedbackRules } from "../../config/feedback-rules.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import { AppError } from "../../errors/app-error.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import type { WorkHooks } from "../../ml/progress.js";
import type { RankingData, Recommender } from "../../ml/ranking/recommender.js";
import { evaluateRanker, type MeanMetrics } from "../evaluation/evaluate-ranker.js";
import { fitProgress } from "../evaluation/fit-progress.js";
import { leaveLastOneSplit, randomSplit, ratioSplit, type Split } from "../evaluation/splits.js";
import { type Activation, activationOf } from "./activation.js";
import { checkpointAt, choicesHash, saveRanker } from "./ranker-artefact.js";
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
  trainingSeconds: number;
  numUsers: number;
  numItems: number;
  /** Distinct chosen items, summed over users. */
  numInteractions: number;
  /** Modalities of its training, such as `visual`. */
  modalities: string[];
}>;

/** The columns of a version that training reads. */
interface VersionRow {
  id: string;
  state: string;
  config: unknown;
  seed: number;
  dataHash: string | null;
  metrics: unknown;
}

interface Dependencies<Version extends VersionRow> {
  interactions: { streamAll(): AsyncIterable<readonly InteractionEntry[]> };
  /** All items' embeddings of one kind by the current encoder. */
  embeddings: { findAll(kind: "IMAGE" | "CAPTION"): Promise<readonly EmbeddingEntry[]> };
  /** What counts as chosen in this shop. Default: `defaultFeedbackRules`. */
  feedback?: FeedbackRules;
  versions: {
    findById(id: string): Promise<Version | null>;
    findActive(): Promise<Version | null>;
    begin(version: {
      id: string;
      algorithm: string;
      config: RankerConfig;
      seed: number;
    }): Promise<Version>;
    complete(
      id: string,
      outcome: { metrics: VersionMetrics; dataHash: string; artefactPath: string },
    ): Promise<Version>;
    fail(id: string, failure: string): Promise<void>;
  };
  /** Loads the version before it serves. */
  registry: { activate(id: string): Promise<Version> };
  /** Versions go to `rankers/<versionId>`. */
  store: ArtefactStore;
}

export interface TrainRankerRequest {
  /** A new version's id, or that of an interrupted one, which resumes from its checkpoint. */
  versionId: string;
  seed: number;
  /** Changes to the defaults; see `ranker-config.ts`. An interrupted version keeps its own. */
  config: Readonly<Record<string, unknown>>;
  /** Whether the version serves when it is ready; null: unless it is worse on validation than the active one. */
  activate: boolean | null;
}

/** A ready version, and whether it serves, with the metrics that decided. */
export interface RankerTraining<Version> {
  version: Version;
  activation: Activation;
}

export class RankerTrainingService<Version extends VersionRow> {
  constructor(private readonly deps: Dependencies<Version>) {}

  /**
   * Trains a version. If stopped by its signal or with the process, it stays `TRAINING` and can be resumed; any other
   * failure is recorded.
   *
   * @throws AppError INVALID_ARGUMENT, TOO_FEW_INTERACTIONS, EMBEDDINGS_MISSING, NOTHING_TO_COMPARE, TRAINING_DIVERGED
   */
  async train(
    request: TrainRankerRequest,
    hooks: WorkHooks = {},
  ): Promise<RankerTraining<Version>> {
    const { versions, registry } = this.deps;
    const existing = await versions.findById(request.versionId);
    const trained =
      existing?.state === "READY" ? existing : await this.run(request, existing, hooks);
    const activation = activationOf(trained, await versions.findActive(), request.activate);
    const version = activation.isActivated ? await registry.activate(trained.id) : trained;
    return { version, activation };
  }

  private async run(
    { versionId, ...request }: TrainRankerRequest,
    existing: Version | null,
    hooks: WorkHooks,
  ): Promise<Version> {
    const { versions } = this.deps;
    const config = this.resolved(
      rankerConfig((existing?.config ?? request.config) as Record<string, unknown>),
    );
    const seed = existing?.seed ?? request.seed;
    await versions.begin({ id: versionId, algorithm: config.algorithm, config, seed });
    try {
      return await this.fit({ versionId, config, seed }, hooks);
    } catch (error) {
      if (!hooks.signal?.aborted) {
        await versions.fail(versionId, error instanceof Error ? error.message : String(error));
      }
      throw error;
    }
  }

  private async fit(
    version: { versionId: string; config: RankerConfig; seed: number },
    { signal, onProgress }: WorkHooks,
  ): Promise<Version> {
    const { versionId, config, seed } = version;
    onProgress?.({ fraction: 0, stage: "reading interactions and embeddings" });
    const { dataset, split } = await this.read(config, seed);
    const { store } = this.deps;
    const artefactPath = `rankers/${versionId}`;
    const checkpoint = checkpointAt(store, `${artefactPath}/checkpoint/checkpoint.safetensors`);
    const model = createRanker(config, seed);
    onProgress?.({ fraction: 0, stage: `preparing ${config.algorithm}` });
    try {
      if (!(await isTrainedOn(store, `${artefactPath}/data-hash`, dataset.dataHash))) {
        await store.delete(checkpoint.name); // of other data: restart
      }
      const startMs = performance.now();
      const fitted = await model.fit(rankingData(dataset, split), {
        signal,
        checkpoint,
        ...fitProgress(progress => onProgress?.(progress)),
      });
      onProgress?.({ fraction: 1, stage: "measuring on the held-out items" });
      const metrics: VersionMetrics = {
        ...(await evaluation(model, split)),
        epoch: fitted.epoch,
        trainingSeconds: (performance.now() - startMs) / 1_000,
        numUsers: dataset.userIds.length,
        numItems: dataset.itemIds.length,
        numInteractions: numChoices(dataset),
        modalities: dataset.modalities.map(({ name }) => name),
      };
      const { dataHash, userIds, itemIds, timelines } = dataset;
      const numChosen = timelines.map(items => items.length);
      const choicesHashes = timelines.map(items => choicesHash(items.map(item => itemIds[item])));
      const lineage = { ...version, dataHash, metrics, userIds, numChosen, choicesHashes, itemIds };
      await saveRanker(store, artefactPath, model, lineage);
      const completed = await this.deps.versions.complete(versionId, {
        metrics,
        dataHash,
        artefactPath,
      });
      await store.delete(checkpoint.name);
      return completed;
    } finally {
      model.dispose();
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

  private async readDataset(config: RankerConfig): Promise<RankingDataset> {
    const { interactions, embeddings } = this.deps;
    const { coreSize, feedback } = this.resolved(config);
    const rows: InteractionEntry[] = [];
    for await (const batch of interactions.streamAll()) {
      rows.push(...batch);
    }
    const visual = await embeddings.findAll("IMAGE");
    const textual = await embeddings.findAll("CAPTION");
    const dataset = rankingDataset(rows, { visual, textual }, { feedback, coreSize });
    if (numChoices(dataset) < MIN_CHOICES) {
      const got = numChoices(dataset);
      throw new AppError("TOO_FEW_INTERACTIONS", { needed: MIN_CHOICES, got });
    }
    return dataset;
  }
}

export function splitOf(
  { timelines }: Pick<RankingDataset, "timelines">,
  kind: RankerConfig["split"],
  seed: number,
): Split {
  switch (kind) {
    case "ratio":
      return ratioSplit(timelines);
    case "leaveLastOne":
      return leaveLastOneSplit(timelines);
    case "random":
      return randomSplit(timelines, new Random(seedFrom("split", seed)));
  }
}

/** The model's data, without the test part. */
function rankingData(dataset: RankingDataset, { train, validation }: Split): RankingData {
  const { itemIds, modalities, userIds } = dataset;
  const strengths = trainStrengths(dataset, train);
  const [numUsers, numItems] = [userIds.length, itemIds.length];
  return { numUsers, numItems, train, strengths, validation, modalities };
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
