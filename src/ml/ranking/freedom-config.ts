/** @file The hyper-parameters of FREEDOM. */

import type { NeighbourSearch } from "./neighbour-search.js";
import type { Schedule } from "./recommender.js";

/** Defaults in brackets are those of MMRec, the authors' code; as there, up to 1000 epochs, each validated, patience 20. */
export interface FreedomConfig extends Schedule {
  /** Size of a user's and an item's vector [64]. */
  embeddingSize: number;
  /** Neighbours of an item in an item graph, including itself [10]. */
  numNeighbours: number;
  /** How they are found. Default: `auto`, exact where that takes seconds. */
  neighbourSearch?: NeighbourSearch;
  /**
   * Weight of each modality's graph by name; the present ones are scaled to sum to 1, an unnamed one counts as {@link
   * UNNAMED_WEIGHT} [`visual` 0.1, `textual` 0.9].
   */
  modalityWeights: Readonly<Record<string, number>>;
  /** Layers of propagation over the item graph [1]. */
  numItemLayers: number;
  /** Layers of propagation over the user-item graph [2]. */
  numLayers: number;
  /** Fraction of interactions left out of the graph in an epoch, 0 .. 1; those of popular users and items go first [0.8]. */
  pruning: number;
  /** λ, the weight of each modality's own BPR loss [1e-3; MMRec searches 0, 1e-5, 1e-4, 1e-3]. */
  modalityLossWeight: number;
  /** Whether the raw features are trained too, not only their projection [true]. */
  trainFeatures: boolean;
  /** Adam's learning rate [1e-3]. */
  learningRate: number;
  /** Interactions per batch [2048]. */
  batchSize: number;
  /** Seed of every random choice [999]. Default: 123, as all models here. */
  seed: number;
}

export const UNNAMED_WEIGHT = 0.5;

export const defaultFreedomConfig: FreedomConfig = {
  embeddingSize: 64,
  numNeighbours: 10,
  modalityWeights: { visual: 0.1, textual: 0.9 },
  numItemLayers: 1,
  numLayers: 2,
  pruning: 0.8,
  modalityLossWeight: 1e-3,
  trainFeatures: true,
  learningRate: 1e-3,
  batchSize: 2048,
  numEpochs: 1000,
  validateEvery: 1,
  patience: 20,
  seed: 123,
};
