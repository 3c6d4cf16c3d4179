/** @file The hyper-parameters of MICRO. */
import type { ItemItemConfig } from "./item-item.js";
import type { VisualHeadConfig } from "./micro-head.js";
import type { NeighbourSearch } from "./neighbour-search.js";
import type { Schedule } from "./recommender.js";
import type { AdjacencyKind } from "./user-item-graph.js";

/**
 * What the contrastive loss compares: every item with all, `count` random items with all (unbiased, at count/N of the
 * cost), or the batch's items with each other.
 */
export type ContrastMode =
  { kind: "full" } | { kind: "anchors"; count: number } | { kind: "inBatch" };

/**
 * `rebuilt`: the learned part of an item graph is rebuilt in every epoch and validation; `frozen`: item graphs of the
 * raw features, built once (as good or better, as FREEDOM found).
 */
export type ItemGraphMode = "rebuilt" | "frozen";

/** Defaults in brackets are those of the authors' code; as there, up to 1000 epochs, every 5th validated, patience 10. */
export interface MicroConfig extends Schedule {
  /** Size of a user's and an item's vector [64]. */
  embeddingSize: number;
  /** Neighbours of an item in an item graph, including itself [10]. */
  numNeighbours: number;
  /** How they are found. Default: `auto`, exact where that takes seconds. */
  neighbourSearch?: NeighbourSearch;
  /** λ, the weight of the raw features' graph against the learned one, 0..1 [0.9]. */
  rawWeight: number;
  /** Layers of propagation over the user-item graph [2]. */
  numLayers: number;
  /** Weight of the contrastive term [0.03]. */
  contrastWeight: number;
  /** τ of the contrastive term [0.5]. */
  temperature: number;
  /** Weight of the squared norms of a batch's vectors [1e-5]. */
  l2Weight: number;
  /** Adam's learning rate at the first epoch; multiplied by 0.96^(epoch/50) [5e-4]. */
  learningRate: number;
  /** Users per batch [1024]. */
  batchSize: number;
  /** Default: 1024 anchors; the authors compare all items. */
  contrast: ContrastMode;
  /** [`rebuilt`]. */
  graphs: ItemGraphMode;
  /** Normalization of the user-item graph [`random-walk`]. */
  adjacency: AdjacencyKind;
  /** A part of the score that is linear in the image (`micro-head.ts`). Default: null, none, as in the paper. */
  visualHead: VisualHeadConfig | null;
  /** EASE^R blended with the score (`item-item.ts`). Default: null, none, as in the paper. */
  itemItem: ItemItemConfig | null;
  /** Seed of every random choice. */
  seed: number;
}

export const defaultMicroConfig: MicroConfig = {
  embeddingSize: 64,
  numNeighbours: 10,
  rawWeight: 0.9,
  numLayers: 2,
  contrastWeight: 0.03,
  temperature: 0.5,
  l2Weight: 1e-5,
  learningRate: 5e-4,
  batchSize: 1024,
  numEpochs: 1000,
  validateEvery: 5,
  patience: 10,
  contrast: { kind: "anchors", count: 1024 },
  graphs: "rebuilt",
  adjacency: "random-walk",
  visualHead: null,
  itemItem: null,
  seed: 123,
};
