/**
 * @file MICRO as a {@link Recommender}: training, scores, what-if, files. Its equations are in `micro-network.ts`.
 */
import { Adam } from "../nn/adam.js";
import { dot, joinedColumns, row } from "../nn/matrix.js";
import type { ModelFiles } from "../nn/model-files.js";
import { Random } from "../nn/random.js";
import { transposed } from "../nn/sparse.js";
import type { DenseKernels } from "./dense-kernels.js";
import { headGradient } from "./feature-head.js";
import { FeatureRecommender, type FeatureTraining } from "./feature-recommender.js";
import { type ItemGraph, itemGraph } from "./item-graph.js";
import { addedTo, ItemItemPart } from "./item-item.js";
import { defaultMicroConfig, type MicroConfig } from "./micro-config.js";
import { foldedInWithHead, MicroHead } from "./micro-head.js";
import { MicroNetwork, type MicroGraphs } from "./micro-network.js";
import { fusionParameters, initialParameters, microShape, parameter } from "./micro-parameters.js";
import { decodeMicroState, encodeMicroState, type MicroState } from "./micro-state.js";
import { nearestByFeatures } from "./nearest-by-features.js";
import { batchViews } from "./personal-views.js";
import type {
  FeatureGradientRecommender,
  ItemFeatures,
  LossTerms,
  RankingData,
  Viewer,
  WhatIfTarget,
} from "./recommender.js";
import { drawnTriples, numBatches } from "./training-batches.js";
import { type EpochHooks, runBatches } from "./training-loop.js";
import { userItemGraph } from "./user-item-graph.js";
import type { UserItemVectors } from "./vector-recommender.js";
import { itemScores } from "./vector-scores.js";
import { exactWhatIfVectors, newItemVector, whatIfVectors } from "./what-if.js";

export type { Viewer } from "./recommender.js";

export const MICRO_ALGORITHM = "MICRO";

export class Micro
  extends FeatureRecommender<MicroConfig, MicroState>
  implements FeatureGradientRecommender
{
  readonly algorithm = MICRO_ALGORITHM;

  /** @param createKernels Creates the kernels of training. Default: ONNX Runtime. */
  constructor(config: Partial<MicroConfig> = {}, createKernels?: () => Promise<DenseKernels>) {
    super({ ...defaultMicroConfig, ...config }, createKernels);
  }

  /** `visual` with a visual head. */
  get linearModalityNames(): readonly string[] {
    const { head } = this.trained;
    return head ? [head.name] : [];
  }

  /** Undefined with an item-item part: then a score is more than a dot product. */
  override get allVectors(): UserItemVectors | undefined {
    return this.trained.itemItem ? undefined : this.trained;
  }

  override score(userIndex: number): Float32Array {
    const part = this.itemItemPart({ userIndex });
    return addedTo(super.score(userIndex), part);
  }

  override scoreHistory(history: readonly number[], strengths?: readonly number[]): Float32Array {
    const part = this.itemItemPart({ history, strengths });
    return addedTo(super.scoreHistory(history, strengths), part);
  }

  override userVectorOf(viewer: Viewer): Float32Array {
    const { head, itemVectors } = this.trained;
    return head && "history" in viewer
      ? foldedInWithHead(viewer, itemVectors, head)
      : super.userVectorOf(viewer);
  }

  /** That of the visual head, `Eᵀ θ_u + β` for raw features; the item graphs' part is left out. */
  featureGradient(viewer: Viewer, modality: string): Float32Array {
    const { head } = this.trained;
    if (head?.name !== modality) {
      throw new Error(`Micro: expected a modality of the visual head, got '${modality}'`);
    }
    const user = this.userVectorOf(viewer);
    return headGradient(head, user.subarray(user.length - head.offset.length));
  }

  /**
   * The item's score with each of the features `[F]` in place of its own, the rest as trained; see `what-if.ts`. The
   * item-item part does not read images: it stays.
   */
  whatIf(viewer: Viewer, target: WhatIfTarget, candidates: readonly Float32Array[]): number[] {
    const user = this.userVectorOf(viewer);
    const vectors = whatIfVectors(this.trained, this.config, target, candidates);
    const rest = this.itemItemPart(viewer)?.[target.itemIndex] ?? 0;
    return vectors.map(vector => dot(user, vector) + rest);
  }

  itemVectorOf(features: ItemFeatures): Float32Array {
    return newItemVector(this.trained, this.config, features);
  }

  /** Empty without an item-item part. */
  nearestItems(features: ItemFeatures): Int32Array {
    const { itemItem, modalities } = this.trained;
    return itemItem ? nearestByFeatures(modalities, features) : new Int32Array(0);
  }

  /**
   * A new item has no weights in the item-item part, so it takes the mean of those of the items most like it: with none it
   * could not compete with items that have them.
   */
  newItemParts(viewer: Viewer, nearest: readonly Int32Array[]): Float32Array {
    const part = this.itemItemPart(viewer);
    return Float32Array.from(nearest, items =>
      part && items.length > 0
        ? items.reduce((sum, item) => sum + part[item], 0) / items.length
        : 0,
    );
  }

  /** Scores of all items after a full rebuild with the feature replaced, the reference for {@link whatIf}; `[N]`. */
  async exactWhatIf(
    viewer: Viewer,
    target: WhatIfTarget & { candidate: Float32Array },
  ): Promise<Float32Array> {
    const kernels = await this.openKernels();
    const vectors = await exactWhatIfVectors(this.trained, this.config, target, kernels);
    return addedTo(itemScores(this.userVectorOf(viewer), vectors), this.itemItemPart(viewer));
  }

  toFiles(): ModelFiles {
    return encodeMicroState(this.trained, this.config);
  }

  /** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  static fromFiles(files: ModelFiles): Micro {
    const { state, config } = decodeMicroState(files);
    const model = new Micro(config);
    model.state = state;
    return model;
  }

  private itemItemPart(viewer: Viewer): Float32Array | undefined {
    const { itemItem, itemVectors } = this.trained;
    return itemItem?.of(viewer, this.userVectorOf(viewer), itemVectors);
  }

  protected createTraining(data: RankingData, kernels: DenseKernels): Promise<MicroTraining> {
    return MicroTraining.create(data, this.config, kernels);
  }
}

/** One training of MICRO: the parameters, their graphs, and an epoch's batches. */
class MicroTraining implements FeatureTraining<MicroState> {
  readonly algorithm = MICRO_ALGORITHM;
  readonly parameters;
  readonly optimizer: Adam;
  private readonly shape;
  private readonly network: MicroNetwork;
  private readonly head: MicroHead | null;
  private readonly random: Random;
  private readonly userItem;
  private readonly userItemTransposed;
  private current: MicroState | null = null;

  private constructor(
    private readonly data: RankingData,
    private readonly config: MicroConfig,
    private readonly parts: { rawGraphs: readonly ItemGraph[]; itemItem: ItemItemPart | null },
    kernels: DenseKernels,
  ) {
    this.random = new Random(config.seed);
    this.shape = microShape(data, config.embeddingSize);
    this.parameters = initialParameters(this.shape, config, data, this.random.fork("parameters"));
    this.optimizer = new Adam(this.parameters);
    this.head = MicroHead.create(data, config.visualHead, { parameters: this.parameters, kernels });
    const { head } = this;
    this.network = new MicroNetwork(this.shape, config, this.parameters, { kernels, head });
    this.userItem = userItemGraph(config.adjacency, data.train, data.numItems);
    this.userItemTransposed = transposed(this.userItem);
  }

  static async create(
    data: RankingData,
    config: MicroConfig,
    kernels: DenseKernels,
  ): Promise<MicroTraining> {
    const rawGraphs: ItemGraph[] = [];
    for (const { features } of data.modalities ?? []) {
      rawGraphs.push(await itemGraph(features, config, kernels));
    }
    const itemItem = config.itemItem && (await ItemItemPart.fit(data, config.itemItem));
    return new MicroTraining(data, config, { rawGraphs, itemItem }, kernels);
  }

  async runEpoch(epoch: number, hooks: EpochHooks): Promise<LossTerms> {
    const { train, numItems, strengths } = this.data;
    const choices = { itemsOfUser: train, strengths };
    const { batchSize, contrast, learningRate } = this.config;
    const random = this.random.fork(`epoch ${epoch}`);
    const graphs = await this.graphs();
    const count = numBatches(train, batchSize);
    const rate = learningRate * 0.96 ** ((epoch - 1) / 50);
    const batches = drawnTriples(choices, numItems, batchSize, random);
    const showing = this.random.fork(`views of epoch ${epoch}`);
    return runBatches(batches, count, hooks, async (triples, index) => {
      const anchors =
        contrast.kind === "inBatch"
          ? null
          : drawAnchors(numItems, contrast.kind === "full" ? numItems : contrast.count, random);
      const { losses, gradients } = await this.network.batch(graphs, {
        triples,
        views: this.head && batchViews(triples, this.data, showing),
        anchors,
        isFirst: index === 0,
      });
      this.optimizer.step(gradients, rate);
      return losses;
    });
  }

  async refresh(): Promise<void> {
    const graphs = await this.graphs();
    const { userVectors, itemVectors, baseItems, views } = await this.network.forward(graphs);
    const { modalities = [] } = this.data;
    const part = await this.head?.forward();
    this.current = {
      userVectors: part ? joinedColumns(userVectors, part.users) : userVectors,
      itemVectors: part ? joinedColumns(itemVectors, part.items) : itemVectors,
      head: (await this.head?.state()) ?? null,
      itemItem: this.parts.itemItem,
      baseItems,
      items: parameter(this.shape, this.parameters, "items"),
      fusion: fusionParameters(this.shape, this.parameters),
      modalities: modalities.map(({ name, features }, m) => {
        const { raw, learned } = graphs.modalities[m];
        return {
          name,
          features,
          views: views[m],
          rawDegrees: raw.degrees,
          learned: learned && {
            features: learned.features,
            degrees: learned.graph.degrees,
            ...this.network.projection(m),
          },
        };
      }),
    };
  }

  score(userIndex: number): Float32Array {
    const { userVectors, itemVectors, itemItem } = this.state;
    const user = row(userVectors, userIndex);
    return addedTo(itemScores(user, itemVectors), itemItem?.of({ userIndex }, user, itemVectors));
  }

  /** As of the last `refresh`. */
  get state(): MicroState {
    if (!this.current) {
      throw new Error("MicroTraining: expected refresh() before the state is read");
    }
    return this.current;
  }

  private async graphs(): Promise<MicroGraphs> {
    const modalities = [];
    for (const [m, raw] of this.parts.rawGraphs.entries()) {
      modalities.push(await this.network.modalityGraph(m, raw));
    }
    const { userItem, userItemTransposed } = this;
    return { userItem, userItemTransposed, modalities };
  }
}

/** `count` distinct items, or all of them in order. */
function drawAnchors(numItems: number, count: number, random: Random): Int32Array {
  const items = Int32Array.from({ length: numItems }, (_, item) => item);
  if (count >= numItems) {
    return items;
  }
  for (let i = 0; i < count; i++) {
    const j = i + random.int(numItems - i);
    [items[i], items[j]] = [items[j], items[i]];
  }
  return items.subarray(0, count);
}
