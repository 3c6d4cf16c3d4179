/**
 * @file VBPR as a {@link Recommender}: training, scores, new items, what-if, files. Its equations are in `vbpr-network.ts`.
 *
 * Fold-in: γ and θ of an unknown user are the mean of its items' `γ_i` and `E v_i`, less the mean of all items, each times
 * a factor. The factors are the least squares fit of the trained users by their own items.
 *
 * Shapes: M users, N items, F length of a raw feature, K size of γ, d size of θ.
 */
import { Adam } from "../nn/adam.js";
import { addScaled, dot, matrix, row } from "../nn/matrix.js";
import { encodeModel, malformedWeights, type ModelFiles, weightsOf } from "../nn/model-files.js";
import { Random } from "../nn/random.js";
import type { StoredTensor } from "../nn/safetensors.js";
import type { DenseKernels } from "./dense-kernels.js";
import {
  headFeatures,
  headGradient,
  type HeadState,
  headStateOf,
  headTensors,
  headVector,
} from "./feature-head.js";
import { FeatureRecommender, type FeatureTraining } from "./feature-recommender.js";
import type {
  FeatureGradientRecommender,
  ItemFeatures,
  LossTerms,
  RankingData,
  Viewer,
  WhatIfTarget,
} from "./recommender.js";
import { drawnTriples, numBatches } from "./training-batches.js";
import { runBatches } from "./training-loop.js";
import { defaultVbprConfig, type VbprConfig } from "./vbpr-config.js";
import { VbprNetwork, vbprParameters } from "./vbpr-network.js";
import type { UserItemVectors } from "./vector-recommender.js";
import { foldInVector, itemScores } from "./vector-scores.js";

export const VBPR_ALGORITHM = "VBPR";

interface FoldIn {
  /** The mean of all items' vectors `[K + d + 1]`. */
  center: Float32Array;
  /** The factors of γ and of θ `[2]`. */
  factors: Float32Array;
}

export interface VbprState extends UserItemVectors {
  modalities: readonly HeadState[];
  foldIn: FoldIn;
}

export class Vbpr
  extends FeatureRecommender<VbprConfig, VbprState>
  implements FeatureGradientRecommender
{
  readonly algorithm = VBPR_ALGORITHM;

  /** @param createKernels Creates the kernels of training. Default: ONNX Runtime. */
  constructor(config: Partial<VbprConfig> = {}, createKernels?: () => Promise<DenseKernels>) {
    super({ ...defaultVbprConfig, ...config }, createKernels);
  }

  get linearModalityNames(): readonly string[] {
    return this.modalityNames;
  }

  override userVectorOf(viewer: Viewer): Float32Array {
    if (!("history" in viewer)) {
      return super.userVectorOf(viewer);
    }
    const { foldIn, itemVectors } = this.trained;
    const user = foldInVector(viewer.history, itemVectors, viewer.strengths);
    return foldedIn(user, foldIn, this.config.embeddingSize);
  }

  /** `[0; E v; β' · v]`: a new item has neither γ nor β. */
  itemVectorOf(features: ItemFeatures): Float32Array {
    const { itemVectors } = this.trained;
    const vector = new Float32Array(itemVectors.shape[1]);
    for (const [name, feature] of Object.entries(features)) {
      addToHead(vector, headVector(this.modality(name), feature), 1);
    }
    return vector;
  }

  /** Exact: `E v` and `β' · v` are linear in v. */
  whatIf(
    viewer: Viewer,
    { itemIndex, modality: name }: WhatIfTarget,
    candidates: readonly Float32Array[],
  ): number[] {
    const user = this.userVectorOf(viewer);
    const modality = this.modality(name);
    const rest = row(this.trained.itemVectors, itemIndex).slice();
    addToHead(rest, row(modality.projected, itemIndex), -1);
    const restScore = dot(user, rest);
    const taste = user.subarray(this.config.embeddingSize);
    return candidates.map(candidate => restScore + dot(taste, headVector(modality, candidate)));
  }

  featureGradient(viewer: Viewer, modality: string): Float32Array {
    const user = this.userVectorOf(viewer);
    return headGradient(this.modality(modality), user.subarray(this.config.embeddingSize));
  }

  toFiles(): ModelFiles {
    const { algorithm, config, trained } = this;
    const { foldIn, itemVectors, modalities, userVectors } = trained;
    const tensors: Record<string, StoredTensor> = {
      users: userVectors,
      items: itemVectors,
      "foldIn.center": { shape: [foldIn.center.length], values: foldIn.center },
      "foldIn.factors": { shape: [2], values: foldIn.factors },
      ...headTensors(modalities),
    };
    const names = modalities.map(({ name }) => name);
    const metadata = { algorithm, settings: JSON.stringify({ modalities: names, config }) };
    return encodeModel({ tensors, metadata }, { algorithm, modalities: names, config });
  }

  /** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  static fromFiles(files: ModelFiles): Vbpr {
    const { tensors, metadata } = weightsOf(files);
    if (metadata.algorithm !== VBPR_ALGORITHM) {
      throw malformedWeights("a VBPR model", `it is of '${metadata.algorithm}'`);
    }
    const { modalities, config } = JSON.parse(metadata.settings) as {
      modalities: string[];
      config: VbprConfig;
    }; // written by toFiles
    const values = (name: string) => tensors[name].values as Float32Array;
    const read = (name: string) => {
      const [rows, columns] = tensors[name].shape;
      return matrix([rows, columns], values(name));
    };
    const model = new Vbpr(config);
    model.state = {
      userVectors: read("users"),
      itemVectors: read("items"),
      foldIn: { center: values("foldIn.center"), factors: values("foldIn.factors") },
      modalities: modalities.map(name => headStateOf(name, tensor => tensors[tensor])),
    };
    return model;
  }

  protected async createTraining(
    data: RankingData,
    kernels: DenseKernels,
  ): Promise<FeatureTraining<VbprState>> {
    return createTraining(data, this.config, kernels);
  }

  private modality(name: string): HeadState {
    const { modalities } = this.trained;
    const modality = modalities.find(other => other.name === name);
    if (!modality) {
      const known = modalities.map(other => other.name).join(", ");
      throw new Error(`Vbpr: expected a modality of ${known}, got '${name}'`);
    }
    return modality;
  }
}

/** Adds a multiple of `[E v; β' · v]` to the end of an item's vector. */
function addToHead(vector: Float32Array, head: Float32Array, scale: number): void {
  addScaled(vector.subarray(vector.length - head.length), head, scale);
}

/** `[γ; θ; 1]` of an unknown user, from the mean of its items' vectors, in place. */
function foldedIn(user: Float32Array, { center, factors }: FoldIn, K: number): Float32Array {
  for (let at = 0; at < user.length - 1; at++) {
    user[at] = factors[at < K ? 0 : 1] * (user[at] - center[at]);
  }
  user[user.length - 1] = 1;
  return user;
}

/** The center, and `f = Σ_u w_u · m_u / Σ_u m_u · m_u` of each part, with w_u as trained and m_u from the user's items. */
function fittedFoldIn(
  { itemVectors, userVectors }: UserItemVectors,
  train: readonly Int32Array[],
  K: number,
): FoldIn {
  const [N, D] = itemVectors.shape;
  const center = foldInVector([...Array(N).keys()], itemVectors);
  const products = [0, 0];
  const squares = [0, 0];
  const unscaled = { center, factors: Float32Array.of(1, 1) };
  train.forEach((items, user) => {
    if (items.length > 0) {
      const trained = row(userVectors, user);
      const mean = foldedIn(foldInVector([...items], itemVectors), unscaled, K);
      for (let at = 0; at < D - 1; at++) {
        const part = at < K ? 0 : 1;
        products[part] += trained[at] * mean[at];
        squares[part] += mean[at] * mean[at];
      }
    }
  });
  return {
    center,
    factors: Float32Array.from(products, (sum, part) => sum / (squares[part] || 1)),
  };
}

function createTraining(
  data: RankingData,
  config: VbprConfig,
  kernels: DenseKernels,
): FeatureTraining<VbprState> {
  const { numUsers, numItems, train, strengths, modalities = [] } = data;
  const random = new Random(config.seed);
  const parameters = vbprParameters(data, config, random.fork("parameters"));
  const optimizer = new Adam(parameters);
  const features = modalities.map(modality => headFeatures(modality));
  const network = new VbprNetwork(numUsers, config, parameters, { features, kernels });
  let current: VbprState | null = null;
  const state = () => {
    if (!current) {
      throw new Error("Vbpr: expected refresh() before the state is read");
    }
    return current;
  };
  return {
    algorithm: VBPR_ALGORITHM,
    parameters,
    optimizer,
    get state() {
      return state();
    },
    score: userIndex => itemScores(row(state().userVectors, userIndex), state().itemVectors),
    async refresh() {
      const vectors = await network.forward();
      current = {
        ...vectors,
        modalities: await network.head.state(),
        foldIn: fittedFoldIn(vectors, train, config.embeddingSize),
      };
    },
    async runEpoch(epoch, hooks): Promise<LossTerms> {
      const draws = random.fork(`epoch ${epoch}`);
      const count = numBatches(train, config.batchSize);
      const choices = { itemsOfUser: train, strengths };
      const batches = drawnTriples(choices, numItems, config.batchSize, draws);
      return runBatches(batches, count, hooks, async triples => {
        const { losses, gradients } = await network.batch(triples);
        optimizer.step(gradients, config.learningRate);
        return losses;
      });
    },
  };
}
