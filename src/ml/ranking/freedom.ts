/**
 * @file FREEDOM as a {@link Recommender}: training, scores, new items, what-if, files. Its equations are in `freedom-network.ts`.
 */
import { Adam } from "../nn/adam.js";
import { addScaled, dot, matrix, row } from "../nn/matrix.js";
import { encodeModel, malformedWeights, type ModelFiles, weightsOf } from "../nn/model-files.js";
import { Random } from "../nn/random.js";
import type { StoredTensor } from "../nn/safetensors.js";
import type { DenseKernels } from "./dense-kernels.js";
import { FeatureRecommender, type FeatureTraining } from "./feature-recommender.js";
import { defaultFreedomConfig, type FreedomConfig } from "./freedom-config.js";
import {
  type FrozenItemGraph,
  frozenItemGraph,
  graphWeights,
  prunedInteractions,
} from "./freedom-graphs.js";
import { FreedomNetwork, freedomParameters } from "./freedom-network.js";
import {
  assertFeatures,
  type FreedomState,
  freedomWhatIfVectors,
  graphRows,
} from "./freedom-what-if.js";
import { microShape } from "./micro-parameters.js";
import type {
  ItemFeatures,
  LossTerms,
  RankingData,
  Viewer,
  WhatIfRecommender,
  WhatIfTarget,
} from "./recommender.js";
import { epochTriples, numEpochBatches } from "./training-batches.js";
import { runBatches } from "./training-loop.js";
import { interactions, symmetricAdjacency, symmetricAdjacencyOf } from "./user-item-graph.js";
import type { UserItemVectors } from "./vector-recommender.js";
import { itemScores } from "./vector-scores.js";

export const FREEDOM_ALGORITHM = "FREEDOM";

export class Freedom
  extends FeatureRecommender<FreedomConfig, FreedomState>
  implements WhatIfRecommender
{
  readonly algorithm = FREEDOM_ALGORITHM;

  /** @param createKernels Creates the kernels of training. Default: ONNX Runtime. */
  constructor(config: Partial<FreedomConfig> = {}, createKernels?: () => Promise<DenseKernels>) {
    super({ ...defaultFreedomConfig, ...config }, createKernels);
  }

  /** Its row of S times the neighbours: `Σ_m w_m Σ_j (d d_j)^(-1/2) (S^(L-1) X)_j`; a new item has no embedding of its own. */
  itemVectorOf(features: ItemFeatures): Float32Array {
    const { sources, modalities } = this.trained;
    const { numNeighbours, numItemLayers, modalityWeights } = this.config;
    const weights = graphWeights(modalities, modalityWeights);
    const vector = new Float32Array(sources.shape[1]);
    for (const [name, feature] of Object.entries(features)) {
      const modality = assertFeatures(modalities, name, [feature]);
      if (numItemLayers > 0) {
        const scope = { numNeighbours, itemIndex: -1 };
        const [sum] = graphRows(sources, modality, scope, [feature]);
        addScaled(vector, sum, weights[modalities.indexOf(modality)]);
      }
    }
    return vector;
  }

  /** The item's score with each of the features `[F]` in place of its own; see `freedom-what-if.ts`. */
  whatIf(viewer: Viewer, target: WhatIfTarget, candidates: readonly Float32Array[]): number[] {
    const user = this.userVectorOf(viewer);
    const vectors = freedomWhatIfVectors(this.trained, this.config, target, candidates);
    return vectors.map(vector => dot(user, vector));
  }

  toFiles(): ModelFiles {
    const { algorithm, config, trained } = this;
    const tensors: Record<string, StoredTensor> = {
      users: trained.userVectors,
      items: trained.itemVectors,
      sources: trained.sources,
    };
    for (const { name, features, degrees } of trained.modalities) {
      tensors[`${name}.features`] = features;
      tensors[`${name}.degrees`] = { shape: [degrees.length], values: degrees };
    }
    const modalities = trained.modalities.map(({ name }) => name);
    const metadata = { algorithm, settings: JSON.stringify({ modalities, config }) };
    return encodeModel({ tensors, metadata }, { algorithm, modalities, config });
  }

  /** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  static fromFiles(files: ModelFiles): Freedom {
    const { tensors, metadata } = weightsOf(files);
    if (metadata.algorithm !== FREEDOM_ALGORITHM) {
      throw malformedWeights("a FREEDOM model", `it is of '${metadata.algorithm}'`);
    }
    const { modalities, config } = JSON.parse(metadata.settings) as {
      modalities: string[];
      config: FreedomConfig;
    }; // written by toFiles
    const read = (name: string) => {
      const [rows, columns] = tensors[name].shape;
      return matrix([rows, columns], tensors[name].values as Float32Array);
    };
    const model = new Freedom(config);
    model.state = {
      userVectors: read("users"),
      itemVectors: read("items"),
      sources: read("sources"),
      modalities: modalities.map(name => ({
        name,
        features: read(`${name}.features`),
        degrees: tensors[`${name}.degrees`].values as Float32Array,
      })),
    };
    return model;
  }

  protected async createTraining(
    data: RankingData,
    kernels: DenseKernels,
  ): Promise<FeatureTraining<FreedomState>> {
    const itemGraph = await frozenItemGraph(data.modalities ?? [], this.config, kernels);
    return createTraining(data, this.config, { itemGraph, kernels });
  }
}

function createTraining(
  data: RankingData,
  config: FreedomConfig,
  { itemGraph, kernels }: { itemGraph: FrozenItemGraph; kernels: DenseKernels },
): FeatureTraining<FreedomState> {
  const { numUsers, numItems, train, strengths, modalities = [] } = data;
  const random = new Random(config.seed);
  const shape = microShape(data, config.embeddingSize);
  const parameters = freedomParameters(shape, data, random.fork("parameters"));
  const optimizer = new Adam(parameters);
  const network = new FreedomNetwork(shape, config, parameters, {
    itemGraph: itemGraph.graph,
    kernels,
  });
  const whole = symmetricAdjacency(train, numItems);
  const chosen = interactions(train);
  let current: UserItemVectors | null = null;
  const vectors = () => (current ??= network.forward(whole));
  return {
    algorithm: FREEDOM_ALGORITHM,
    parameters,
    optimizer,
    get state() {
      return {
        ...vectors(),
        sources: network.smoothedItems(Math.max(0, config.numItemLayers - 1)),
        modalities: modalities.map(({ name, features }, m) => ({
          name,
          features,
          degrees: itemGraph.degrees[m],
        })),
      };
    },
    score: userIndex => itemScores(row(vectors().userVectors, userIndex), vectors().itemVectors),
    async refresh() {
      current = network.forward(whole);
    },
    async runEpoch(epoch, hooks): Promise<LossTerms> {
      const draws = random.fork(`epoch ${epoch}`);
      const pruned = prunedInteractions(chosen, config.pruning, draws);
      const userItem = symmetricAdjacencyOf(pruned, numUsers, numItems);
      const count = numEpochBatches(train, numItems, config.batchSize);
      const choices = { itemsOfUser: train, strengths };
      const batches = epochTriples(choices, numItems, config.batchSize, draws);
      return runBatches(batches, count, hooks, async triples => {
        const { losses, gradients } = await network.batch(userItem, triples);
        optimizer.step(gradients, config.learningRate);
        return losses;
      });
    },
  };
}
