/**
 * @file The interface of every ranking model, and its training data.
 *
 * Shapes: M users, N items, F length of a modality's raw feature, D embedding size.
 */
import type { Matrix } from "../nn/matrix.js";
import type { ModelFiles } from "../nn/model-files.js";

/** One view of the items (image, text): a raw feature for each. */
export interface Modality {
  /** `visual`, `textual`, … */
  name: string;
  /** `[N, F]`. An item without this modality has a row of zeros and no neighbours in this modality's item graph. */
  features: Matrix;
}

/** The modality of images. */
export const VISUAL_MODALITY = "visual";

/** Training data of a model; users and items are dense indices. Must not contain any test split. */
export interface RankingData {
  numUsers: number;
  numItems: number;
  /** The items each user chose, by ascending index, without repeats. */
  train: readonly Int32Array[];
  /**
   * Non-negative strength of each of these choices, in the order of `train`. MICRO, VBPR, LightGCN and BPR-MF draw a user's
   * positives in proportion to it, FREEDOM all of an epoch's, and popularity sums it. Graphs, negatives and validation
   * weigh every choice equally. Default: all equal.
   */
  strengths?: readonly Float32Array[];
  /** Held-out items of each user, for early stopping and the choice of epoch. Default: train to the last epoch. */
  validation?: readonly Int32Array[];
  /** Default: none; MICRO needs at least one. */
  modalities?: readonly Modality[];
  /** Read by MICRO's visual head only. Default: none. */
  views?: PersonalViews;
}

/** Further images of items, each for one user: a model trains on them beside the items' own. */
export interface PersonalViews {
  /** Tells these views from others in a checkpoint's fingerprint. */
  id: string;
  /** Share of a batch's triples, 0..1, that show both of their items by such images. */
  share: number;
  /** The raw visual feature `[F]`; null where there is none. */
  of(userIndex: number, itemIndex: number): Float32Array | null;
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

/** Progress within an epoch. */
export interface BatchReport {
  /** From 1. */
  epoch: number;
  numEpochs: number;
  /** Batches done in this epoch, from 1. */
  batch: number;
  numBatches: number;
}

export interface FitOptions {
  onEpoch?: (report: EpochReport) => void;
  /** After every batch. */
  onBatch?: (report: BatchReport) => void;
  /** Stops between two batches by throwing the signal's reason. */
  signal?: AbortSignal;
  /** Where to save the training state; training resumes from an existing one to the same bytes. */
  checkpoint?: Checkpoint;
}

export interface Checkpoint {
  /** Name in error messages. */
  name: string;
  /** The bytes of the last {@link write}; null if there are none. */
  read(): Promise<Uint8Array | null>;
  /** Replaces the last bytes completely or not at all. */
  write(bytes: Uint8Array): Promise<void>;
  /** Epochs between checkpoints. Default: 5. */
  everyEpochs?: number;
  /** Also save at the end of the first epoch this long after a checkpoint. Default: 5; 0: every epoch. */
  everyMinutes?: number;
}

export interface Schedule {
  /** Maximum number of epochs. */
  numEpochs: number;
  /** Epochs between validations. */
  validateEvery: number;
  /** Training stops after this many validations without a better recall, counted after `minEpochs`. */
  patience: number;
  /** Warm-up: no validation up to this epoch counts against the patience. Default: 0. */
  minEpochs?: number;
}

export interface FitReport {
  /** The epoch of the model's parameters: the best on validation, or the last. */
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

  /** Trains on `data`, replacing any earlier training. @throws AppError TRAINING_DIVERGED */
  fit(data: RankingData, options?: FitOptions): Promise<FitReport>;

  /** Scores of all items for a user of the training; `[N]`. */
  score(userIndex: number): Float32Array;

  /**
   * Scores of all items for any user with these items, without training (fold-in); `[N]`.
   *
   * @param strengths Weights of the items. Default: all equal.
   */
  scoreHistory(itemIndices: readonly number[], strengths?: readonly number[]): Float32Array;

  /** The `k` best items for a user, best first, without those excluded. */
  recommend(userIndex: number, k: number, exclude?: ReadonlySet<number>): ScoredItem[];

  /** The `k` items nearest to one, nearest first, without itself. */
  similarItems(itemIndex: number, k: number): ScoredItem[];

  /** The weights and the configuration. */
  toFiles(): ModelFiles;

  dispose(): void;
}

/** The user to score for: one of the training, or any user with these items (fold-in). */
export type Viewer =
  | { userIndex: number }
  | {
      history: readonly number[];
      /** Weights of the items. Default: all equal. */
      strengths?: readonly number[];
    };

/** Raw features of one item `[F]` by modality; a missing one counts as absent. */
export type ItemFeatures = Readonly<Record<string, Float32Array>>;

/** A ranking model that can also place new items by their features, without retraining. */
export interface InductiveRecommender extends Recommender {
  /** `[D]`; its dot product with an item's vector is the score. */
  userVectorOf(viewer: Viewer): Float32Array;

  /** The vector of a new item; `[D]`. Zeros without any modality. */
  itemVectorOf(features: ItemFeatures): Float32Array;

  /** For {@link newItemParts}: the items of the training most like a new one. Absent where scores are products of vectors alone. */
  nearestItems?(features: ItemFeatures): Int32Array;

  /** What the score of each new item has beside the product of vectors, by its nearest items. */
  newItemParts?(viewer: Viewer, nearest: readonly Int32Array[]): Float32Array;
}

export function isInductive(model: Recommender): model is InductiveRecommender {
  return "itemVectorOf" in model && "userVectorOf" in model;
}

/** The item whose feature is replaced, in which modality. */
export interface WhatIfTarget {
  itemIndex: number;
  /** Name of the modality in training. */
  modality: string;
}

/** A ranking model that scores an item with another feature in place of its own (RAGAR, eq. 13). */
export interface WhatIfRecommender extends Recommender {
  /** Names of the modalities of its training. */
  readonly modalityNames: readonly string[];

  /**
   * The item's score with each of the features `[F]` in place of its own; everything else stays as trained.
   *
   * @throws Error for a modality it was not trained on, or a feature of another length.
   */
  whatIf(viewer: Viewer, target: WhatIfTarget, candidates: readonly Float32Array[]): number[];
}

/** The only test of whether a model can score an item by another feature of this modality. */
export function canWhatIf(model: Recommender, modality: string): model is WhatIfRecommender {
  const { modalityNames } = model as Partial<WhatIfRecommender>;
  return "whatIf" in model && !!modalityNames?.includes(modality);
}

/** A ranking model whose score has a part that is linear in a raw feature. */
export interface FeatureGradientRecommender extends WhatIfRecommender {
  /** Names of these modalities. */
  readonly linearModalityNames: readonly string[];

  /**
   * `∂score / ∂v` of the linear part, v an item's raw feature of the modality: one gradient for all items that have it;
   * `[F]`. Leaves out the part that reads v through an item graph, which is piecewise constant in it.
   *
   * @throws Error for a modality without a linear part.
   */
  featureGradient(viewer: Viewer, modality: string): Float32Array;
}

/** The only test of whether a model's score has a gradient at a feature of this modality. */
export function hasFeatureGradient(
  model: Recommender,
  modality: string,
): model is FeatureGradientRecommender {
  const { linearModalityNames } = model as Partial<FeatureGradientRecommender>;
  return "featureGradient" in model && !!linearModalityNames?.includes(modality);
}

/** @throws Error when the parts of `data` do not match. */
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
