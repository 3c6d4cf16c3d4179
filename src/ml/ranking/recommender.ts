/**
 * @file What every ranking model can do, and what it learns from.
 *
 * Shapes: M users, N items, F length of a modality's raw feature, D embedding size.
 */
import type { Matrix } from "../nn/matrix.js";

/** One view of the items (picture, text): a raw feature for each. */
export interface Modality {
  /** `visual`, `textual`, … */
  name: string;
  /** `[N, F]`. An item without this modality has a row of zeros: it has no neighbours in this modality's item graph. */
  features: Matrix;
}

/** What a model learns from; users and items are dense indices. Nothing of a test split may be in here. */
export interface RankingData {
  numUsers: number;
  numItems: number;
  /** The items each user chose, by rising index and without repeats. */
  train: readonly Int32Array[];
  /**
   * How much each of these choices counts, not negative, in the order of `train`. MICRO, LightGCN and BPR-MF draw a user's
   * positives in proportion to it, FREEDOM all of an epoch's, and popularity adds it up. Graphs, negatives and validation
   * count every choice alike. Default: all the same.
   */
  strengths?: readonly Float32Array[];
  /** Held-out items of each user: when to stop, and which epoch to keep. Default: train to the last epoch. */
  validation?: readonly Int32Array[];
  /** Default: none; MICRO needs at least one. */
  modalities?: readonly Modality[];
}

/** The terms of the loss with their weights, each a mean over the epoch's batches; `total` is their sum. */
export type LossTerms = Readonly<{ total: number } & Record<string, number>>;

export interface EpochReport {
  /** From 1. */
  epoch: number;
  numEpochs: number;
  losses: LossTerms;
  /** Recall@20 on the validation items; only in epochs that validate. */
  validationRecall?: number;
  durationMs: number;
}

/** Where training stands within an epoch. */
export interface BatchReport {
  /** From 1. */
  epoch: number;
  numEpochs: number;
  /** Batches done of this epoch, from 1. */
  batch: number;
  numBatches: number;
}

export interface FitOptions {
  onEpoch?: (report: EpochReport) => void;
  /** After every batch. */
  onBatch?: (report: BatchReport) => void;
  /** Stops between two batches, by throwing the signal's reason. */
  signal?: AbortSignal;
  /** Where to keep the state of training; when it holds one, training goes on from there to the same bytes. */
  checkpoint?: Checkpoint;
}

export interface Checkpoint {
  /** A folder, made when absent. */
  directory: string;
  /** Epochs from one checkpoint to the next. Default: 5. */
  everyEpochs?: number;
  /** The first epoch that ends so long after a checkpoint makes one, too. Default: 5; 0: every epoch. */
  everyMinutes?: number;
}

export interface FitReport {
  /** The epoch whose parameters the model has: the best on validation, or the last. */
  epoch: number;
  /** Recall@20 on the validation items of that epoch; null without validation items. */
  validationRecall: number | null;
}

export interface ScoredItem {
  itemIndex: number;
  score: number;
}

/** A ranking model. A score is comparable within one user only; higher is better. */
export interface Recommender {
  /** `popularity`, `MICRO`, … */
  readonly algorithm: string;
  readonly numUsers: number;
  readonly numItems: number;

  /** Learns from `data`, replacing what was learnt before. @throws AppError TRAINING_DIVERGED */
  fit(data: RankingData, options?: FitOptions): Promise<FitReport>;

  /** Scores of all items for a user it was trained on; `[N]`. */
  score(userIndex: number): Float32Array;

  /**
   * Scores of all items for anyone with these items: fold-in, without training; `[N]`.
   *
   * @param strengths How much each of the items counts. Default: all the same.
   */
  scoreHistory(itemIndices: readonly number[], strengths?: readonly number[]): Float32Array;

  /** The `k` best items for a user, best first, without those excluded. */
  recommend(userIndex: number, k: number, exclude?: ReadonlySet<number>): ScoredItem[];

  /** The `k` items nearest to one, nearest first, without itself. */
  similarItems(itemIndex: number, k: number): ScoredItem[];

  /** Writes the weights and the configuration into a folder, made when absent. */
  save(directory: string): Promise<void>;

  dispose(): void;
}

/** Whose score is asked: a user of the training, or anyone with these items (fold-in). */
export type Viewer =
  | { userIndex: number }
  | {
      history: readonly number[];
      /** How much each of them counts. Default: all the same. */
      strengths?: readonly number[];
    };

/** Raw features of one item `[F]` by the names of the modalities; one that is left out counts as absent. */
export type ItemFeatures = Readonly<Record<string, Float32Array>>;

/** A ranking model that also places items that were not there when it was trained, by their features, without retraining. */
export interface InductiveRecommender extends Recommender {
  /** `[D]`; its dot product with an item's vector is the score. */
  userVectorOf(viewer: Viewer): Float32Array;

  /** The vector of an item that was not there in training; `[D]`. Zeros when no modality is given. */
  itemVectorOf(features: ItemFeatures): Float32Array;
}

export function isInductive(model: Recommender): model is InductiveRecommender {
  return "itemVectorOf" in model && "userVectorOf" in model;
}

/** The item whose feature is replaced, in which modality. */
export interface WhatIfTarget {
  itemIndex: number;
  /** Name of the modality, as it was trained. */
  modality: string;
}

/** A ranking model that scores an item with another feature in place of its own (RAGAR, eq. 13). */
export interface WhatIfRecommender extends Recommender {
  /** Names of the modalities it was trained on. */
  readonly modalityNames: readonly string[];

  /**
   * The item's score with each of the features `[F]` in place of its own; everything else stays as trained.
   *
   * @throws Error for a modality that it was not trained on, or a feature of another length.
   */
  whatIf(viewer: Viewer, target: WhatIfTarget, candidates: readonly Float32Array[]): number[];
}

/** The one test of whether a model can rank an item by another feature of this modality. */
export function canWhatIf(model: Recommender, modality: string): model is WhatIfRecommender {
  const { modalityNames } = model as Partial<WhatIfRecommender>;
  return "whatIf" in model && !!modalityNames?.includes(modality);
}

/** @throws Error when the parts of `data` do not fit together. */
export function assertRankingData(where: string, data: RankingData): void {
  const { numUsers, numItems, train, validation, strengths, modalities = [] } = data;
  if (strengths?.some((own, user) => own.length !== train[user]?.length) ?? false) {
    throw new Error(`${where}: expected a strength for each of a user's items`);
  }
  if (train.length !== numUsers || (validation && validation.length !== numUsers)) {
    throw new Error(`${where}: expected item lists of ${numUsers} users, got ${train.length}`);
  }
  for (const items of [...train, ...(validation ?? [])]) {
    for (let i = 0; i < items.length; i++) {
      if (!(items[i] >= 0 && items[i] < numItems) || (i > 0 && items[i] <= items[i - 1])) {
        throw new Error(`${where}: expected rising item indices below ${numItems}, got ${items}`);
      }
    }
  }
  for (const { name, features } of modalities) {
    if (features.shape[0] !== numItems) {
      throw new Error(`${where}: expected ${numItems} rows of '${name}', got [${features.shape}]`);
    }
    if (!features.values.every(Number.isFinite)) {
      throw new Error(`${where}: expected finite features, but '${name}' has others`);
    }
  }
}
