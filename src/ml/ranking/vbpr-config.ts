/** @file The hyper-parameters of VBPR. */
import type { Schedule } from "./recommender.js";

/** By default up to 1000 epochs, every 5th validated, patience 10. */
export interface VbprConfig extends Schedule {
  /** Size of γ, a user's and an item's own vector. Default: 64. */
  embeddingSize: number;
  /** Size of θ, a user's taste in features. Default: 32. */
  featureSize: number;
  /** Weight of the squared norms of a batch's vectors. Default: 1e-4. */
  l2Weight: number;
  /** Weight of the squared norm of E and β'. Default: 1e-4. */
  featureL2Weight: number;
  /** Adam's learning rate. Default: 1e-3. */
  learningRate: number;
  /** Users per batch. Default: 1024. */
  batchSize: number;
  /** Seed of every random choice. Default: 123. */
  seed: number;
}

export const defaultVbprConfig: VbprConfig = {
  embeddingSize: 64,
  featureSize: 32,
  l2Weight: 1e-4,
  featureL2Weight: 1e-4,
  learningRate: 1e-3,
  batchSize: 1024,
  numEpochs: 1000,
  validateEvery: 5,
  patience: 10,
  seed: 123,
};
