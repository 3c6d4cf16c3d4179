/**
 * @file LightGCN: embeddings smoothed over the user-item graph; without layers, BPR matrix factorization.
 *
 * X. He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", SIGIR 2020.
 * https://arxiv.org/abs/2002.02126
 *
 * Notation (name here -> symbol): users and items -> E^(0), `propagated` -> the mean of E^(0) .. E^(K) with α_k = 1 / (K
 * + 1) (eq. 8), numLayers -> K. Explicit gradients, as in `micro-network.ts`.
 *
 * Shapes: M users, N items, D embedding size.
 */
import { Adam, type NamedArrays } from "../nn/adam.js";
import { matrix, row, rowRange, stackRows } from "../nn/matrix.js";
import { encodeModel, malformedWeights, type ModelFiles, weightsOf } from "../nn/model-files.js";
import { Random } from "../nn/random.js";
import { transposed } from "../nn/sparse.js";
import { bprLoss } from "./bpr-loss.js";
import {
  assertRankingData,
  type FitOptions,
  type FitReport,
  type LossTerms,
  type RankingData,
  type Recommender,
  type Schedule,
} from "./recommender.js";
import { drawnTriples, numBatches } from "./training-batches.js";
import { fitEpochs, runBatches, type Trainee, trainingFingerprint } from "./training-loop.js";
import { propagated, userItemGraph } from "./user-item-graph.js";
import { type UserItemVectors, VectorRecommender } from "./vector-recommender.js";
import { itemScores } from "./vector-scores.js";

export const LIGHT_GCN_ALGORITHM = "LightGCN";
export const BPR_MF_ALGORITHM = "BPR-MF";

/** By default up to 1000 epochs, every 5th validated, patience 10. */
export interface LightGcnConfig extends Schedule {
  /** Size of a user's and an item's vector. Default: 64. */
  embeddingSize: number;
  /** Layers of propagation; 0 is BPR-MF. Default: 2. */
  numLayers: number;
  /** Weight of the squared norms of a batch's vectors. Default: 1e-4, as in the paper. */
  l2Weight: number;
  /** Adam's learning rate. Default: 1e-3, as in the paper. */
  learningRate: number;
  /** Users per batch. Default: 1024. */
  batchSize: number;
  /** Seed of every random choice. Default: 123. */
  seed: number;
}

export const defaultLightGcnConfig: LightGcnConfig = {
  embeddingSize: 64,
  numLayers: 2,
  l2Weight: 1e-4,
  learningRate: 1e-3,
  batchSize: 1024,
  numEpochs: 1000,
  validateEvery: 5,
  patience: 10,
  seed: 123,
};

export class LightGcn extends VectorRecommender implements Recommender {
  readonly config: LightGcnConfig;
  private vectors: UserItemVectors | null = null;

  constructor(config: Partial<LightGcnConfig> = {}) {
    super();
    this.config = { ...defaultLightGcnConfig, ...config };
  }

  get algorithm(): string {
    return this.config.numLayers === 0 ? BPR_MF_ALGORITHM : LIGHT_GCN_ALGORITHM;
  }

  async fit(data: RankingData, options: FitOptions = {}): Promise<FitReport> {
    assertRankingData("LightGcn.fit", data);
    const training = createTraining(data, this.config, this.algorithm);
    const fingerprint = trainingFingerprint(this.config, data);
    const report = await fitEpochs(training, data, { ...this.config, fingerprint }, options);
    this.vectors = training.vectors();
    return report;
  }

  toFiles(): ModelFiles {
    const { algorithm, config, trained } = this;
    const tensors = { users: trained.userVectors, items: trained.itemVectors };
    const metadata = { algorithm, seed: String(config.seed), config: JSON.stringify(config) };
    return encodeModel({ tensors, metadata }, { algorithm, config });
  }

  /** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  static fromFiles(files: ModelFiles): LightGcn {
    const { tensors, metadata } = weightsOf(files);
    if (![LIGHT_GCN_ALGORITHM, BPR_MF_ALGORITHM].includes(metadata.algorithm)) {
      throw malformedWeights("a LightGCN model", `it is of '${metadata.algorithm}'`);
    }
    const model = new LightGcn(JSON.parse(metadata.config) as LightGcnConfig); // written by toFiles
    const read = ({ shape: [rows, columns], values }: (typeof tensors)[string]) =>
      matrix([rows, columns], values as Float32Array);
    model.vectors = { userVectors: read(tensors.users), itemVectors: read(tensors.items) };
    return model;
  }

  dispose(): void {
    this.vectors = null;
  }

  protected get trained(): UserItemVectors {
    if (!this.vectors) {
      throw new Error("LightGcn: expected a trained model; call fit or load first");
    }
    return this.vectors;
  }
}

function createTraining(
  { numUsers, numItems, train, strengths }: RankingData,
  config: LightGcnConfig,
  algorithm: string,
): Trainee & { vectors(): UserItemVectors } {
  const { batchSize, embeddingSize: D, learningRate, l2Weight, numLayers } = config;
  const random = new Random(config.seed);
  const normal = (length: number, label: string) =>
    random
      .fork(label)
      .normals(length)
      .map(value => 0.1 * value); // the paper's initialization
  const parameters: NamedArrays = {
    users: normal(numUsers * D, "users"),
    items: normal(numItems * D, "items"),
  };
  const optimizer = new Adam(parameters);
  const adjacency = userItemGraph("symmetric", train, numItems);
  const backwards = transposed(adjacency);
  const forward = (): UserItemVectors => {
    const nodes = stackRows(
      matrix([numUsers, D], parameters.users),
      matrix([numItems, D], parameters.items),
    );
    const smoothed = propagated(adjacency, nodes, numLayers);
    return {
      userVectors: rowRange(smoothed, 0, numUsers),
      itemVectors: rowRange(smoothed, numUsers, numUsers + numItems),
    };
  };
  let current = forward();
  return {
    algorithm,
    parameters,
    optimizer,
    vectors: () => current,
    score: userIndex => itemScores(row(current.userVectors, userIndex), current.itemVectors),
    async refresh() {
      current = forward();
    },
    async runEpoch(epoch, hooks): Promise<LossTerms> {
      const draws = random.fork(`epoch ${epoch}`);
      const count = numBatches(train, batchSize);
      const batches = drawnTriples({ itemsOfUser: train, strengths }, numItems, batchSize, draws);
      const means = await runBatches(batches, count, hooks, triples => {
        const { userVectors: users, itemVectors: items } = forward();
        const { bpr, l2, dUsers, dItems } = bprLoss(users, items, triples, l2Weight);
        const { values } = propagated(backwards, stackRows(dUsers, dItems), numLayers);
        const boundary = dUsers.values.length;
        const gradients = { users: values.subarray(0, boundary), items: values.subarray(boundary) };
        optimizer.step(gradients, learningRate);
        return { bpr, l2 };
      });
      return { ...means, total: means.bpr + means.l2 };
    },
  };
}
