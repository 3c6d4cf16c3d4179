/**
 * @file FREEDOM as a {@link Recommender}: training, scores, new items, files. Its equations are in `freedom-network.ts`.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { AppError } from "../../errors/app-error.js";
import { Random } from "../nn/random.js";
import {
  loadSafetensors,
  saveSafetensors,
  type StoredTensor,
  writeAtomically,
} from "../nn/safetensors.js";
import { addScaled, type Matrix, matrix, row } from "../nn/shape.js";
import { Adam } from "./adam.js";
import type { DenseKernels } from "./dense-kernels.js";
import { featureNeighbours } from "./feature-neighbours.js";
import { FeatureRecommender, type FeatureTraining } from "./feature-recommender.js";
import { defaultFreedomConfig, type FreedomConfig } from "./freedom-config.js";
import {
  type FrozenItemGraph,
  frozenItemGraph,
  graphWeights,
  prunedInteractions,
} from "./freedom-graphs.js";
import { FreedomNetwork, freedomParameters } from "./freedom-network.js";
import { inverseRoot } from "./item-graph.js";
import { microShape } from "./micro-parameters.js";
import type { ItemFeatures, LossTerms, RankingData } from "./recommender.js";
import { epochTriples, numEpochBatches } from "./training-batches.js";
import { interactions, symmetricAdjacency, symmetricAdjacencyOf } from "./user-item-graph.js";
import type { UserItemVectors } from "./vector-recommender.js";
import { itemScores } from "./vector-scores.js";

export const FREEDOM_ALGORITHM = "FREEDOM";

interface FreedomState extends UserItemVectors {
  /** S^(L-1) X: what a new item's row of S is multiplied with; `[N, D]`. */
  sources: Matrix;
  modalities: readonly FrozenModality[];
}

interface FrozenModality {
  name: string;
  /** The raw features `[N, F]`. */
  features: Matrix;
  /** Neighbours of each item in this modality's graph `[N]`. */
  degrees: Float32Array;
}

export class Freedom extends FeatureRecommender<FreedomConfig, FreedomState> {
  readonly algorithm = FREEDOM_ALGORITHM;

  /** @param createKernels What computes dense products in training. Default: ONNX Runtime. */
  constructor(config: Partial<FreedomConfig> = {}, createKernels?: () => Promise<DenseKernels>) {
    super({ ...defaultFreedomConfig, ...config }, createKernels);
  }

  /** Its row of S times the neighbours: `Σ_m w_m Σ_j (d d_j)^(-1/2) (S^(L-1) X)_j`; it has no embedding of its own yet. */
  itemVectorOf(features: ItemFeatures): Float32Array {
    const { sources, modalities } = this.trained;
    const { numNeighbours, numItemLayers, modalityWeights } = this.config;
    const weights = graphWeights(modalities, modalityWeights);
    const vector = new Float32Array(sources.shape[1]);
    for (const [name, { length }] of Object.entries(features)) {
      const modality = modalities.find(other => other.name === name);
      if (modality?.features.shape[1] !== length) {
        const known = modalities.map(m => `${m.name} [${m.features.shape[1]}]`).join(", ");
        throw new Error(`Freedom: expected features of ${known}, got ${name} [${length}]`);
      }
    }
    modalities.forEach((modality, m) => {
      const feature = features[modality.name] as Float32Array | undefined;
      if (!feature || numItemLayers === 0) {
        return;
      }
      const [found] = featureNeighbours([feature], modality.features, numNeighbours - 1);
      const root = inverseRoot(found.length + 1); // itself is one of its neighbours
      for (const { index } of found) {
        const weight = weights[m] * root * inverseRoot(modality.degrees[index]);
        addScaled(vector, row(sources, index), weight);
      }
    });
    return vector;
  }

  async save(directory: string): Promise<void> {
    const { algorithm, config, trained } = this;
    await mkdir(directory, { recursive: true });
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
    await saveSafetensors(join(directory, "weights.safetensors"), {
      tensors,
      metadata: { algorithm, settings: JSON.stringify({ modalities, config }) },
    });
    const content = JSON.stringify({ algorithm, modalities, config }, null, 2);
    await writeAtomically(join(directory, "config.json"), `${content}\n`);
  }

  /** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  static async load(directory: string): Promise<Freedom> {
    const path = join(directory, "weights.safetensors");
    const { tensors, metadata } = await loadSafetensors(path);
    if (metadata.algorithm !== FREEDOM_ALGORITHM) {
      const reason = `it is of '${metadata.algorithm}'`;
      throw new AppError("FILE_MALFORMED", { path, expected: "a FREEDOM model", reason });
    }
    const { modalities, config } = JSON.parse(metadata.settings) as {
      modalities: string[];
      config: FreedomConfig;
    }; // written by save
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
  const { numUsers, numItems, train, modalities = [] } = data;
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
    async runEpoch(epoch, signal): Promise<LossTerms> {
      const draws = random.fork(`epoch ${epoch}`);
      const pruned = prunedInteractions(chosen, config.pruning, draws);
      const userItem = symmetricAdjacencyOf(pruned, numUsers, numItems);
      const sums: Record<string, number> = {};
      const count = numEpochBatches(train, numItems, config.batchSize);
      for (const triples of epochTriples(train, numItems, config.batchSize, draws)) {
        const { losses, gradients } = await network.batch(userItem, triples);
        optimizer.step(gradients, config.learningRate);
        for (const [name, value] of Object.entries(losses)) {
          sums[name] = (sums[name] ?? 0) + value / count;
        }
        await yieldToEventLoop();
        signal?.throwIfAborted();
      }
      return sums as LossTerms; // summed from LossTerms
    },
  };
}
