/**
 * @file MICRO: item vectors from interactions, images and texts.
 *
 * J. Zhang et al., "Latent Structure Mining with Contrastive Modality Fusion for Multimedia Recommendation", TKDE 2023.
 * https://arxiv.org/abs/2111.00678. Where the paper and its code CRIPAC-DIG/MICRO differ, this follows the code.
 *
 * Notation (name here -> symbol)
 * - users, items     -> U [M, D], X [N, D], the trained embeddings
 * - graphs.mixed[m]  -> A_m = (1 - λ) knn(learned features) + λ knn(raw features) [N, N]
 * - views[m]         -> E_m = A_m X [N, D]
 * - fusion.fused     -> h [N, D]
 * - userVectors      -> Ū, the users after propagation over the user-item graph [M, D]
 * - baseItems        -> Ī, the items after it [N, D]
 * - itemVectors      -> Ī + h / ||h|| [N, D]; the score of an item is ρ = ū · i
 *
 * With a visual head (`micro-head.ts`) the vectors of users and items have its part behind these.
 *
 * Every step has an explicit gradient, compared with central differences by the tests: automatic differentiation has no
 * fast path for sparse products on the portable backends.
 */
import type { NamedArrays } from "../nn/adam.js";
import {
  addScaled,
  columnRange,
  gatherRows,
  joinedColumns,
  type Matrix,
  normalizeRowsInto,
  normalizedRowsGradientInto,
  row,
  rowRange,
  stackRows,
} from "../nn/matrix.js";
import { type CsrMatrix, sparseProduct, transposed } from "../nn/sparse.js";
import { Workspace } from "../nn/workspace.js";
import { type BprLoss, bprLoss, type Triples } from "./bpr-loss.js";
import { contrastiveLoss, contrastiveLossWithin } from "./contrastive-loss.js";
import type { DenseKernels } from "./dense-kernels.js";
import { type ItemGraph, itemGraph, itemGraphGradient, mixedGraph } from "./item-graph.js";
import type { MicroConfig } from "./micro-config.js";
import type { MicroHead } from "./micro-head.js";
import {
  featureProjection,
  fusionParameters,
  type MicroShape,
  parameter,
} from "./micro-parameters.js";
import { type Fusion, fusion, fusionGradient } from "./modality-fusion.js";
import type { BatchViews } from "./personal-views.js";
import type { LossTerms } from "./recommender.js";
import { batchItems } from "./training-batches.js";
import { propagated } from "./user-item-graph.js";

/** The item graph of one modality. */
export interface ModalityGraph {
  raw: ItemGraph;
  /** The graph of the learned features and these; null when item graphs are frozen. */
  learned: { graph: ItemGraph; features: Matrix } | null;
  mixed: CsrMatrix;
  mixedTransposed: CsrMatrix;
}

export interface MicroGraphs {
  userItem: CsrMatrix;
  userItemTransposed: CsrMatrix;
  modalities: readonly ModalityGraph[];
}

export interface MicroForward {
  views: readonly Matrix[];
  fusion: Fusion;
  userVectors: Matrix;
  baseItems: Matrix;
  itemVectors: Matrix;
}

/** What a batch compares. */
export interface MicroBatch {
  triples: Triples;
  /** Anchors of the contrastive term; null: the batch's own items. */
  anchors: ArrayLike<number> | null;
  /** Personal images that stand for items of some triples. Default: none. */
  views?: BatchViews | null;
  /** Whether the gradient reaches the learned features: only in the first batch after building their graph. */
  isFirst: boolean;
}

/** MICRO's equations for one set of parameters, which it only reads. */
export class MicroNetwork {
  private readonly workspace = new Workspace();

  constructor(
    private readonly shape: MicroShape,
    private readonly config: MicroConfig,
    private readonly parameters: NamedArrays,
    private readonly parts: { kernels: DenseKernels; head?: MicroHead | null },
  ) {}

  private get kernels(): DenseKernels {
    return this.parts.kernels;
  }

  /** A modality's graph: of the raw features, and unless `frozen` mixed with that of the learned ones. */
  async modalityGraph(modality: number, raw: ItemGraph): Promise<ModalityGraph> {
    const { graphs, rawWeight } = this.config;
    if (graphs === "frozen") {
      const mixed = raw.normalized;
      return { raw, learned: null, mixed, mixedTransposed: transposed(mixed) };
    }
    const features = await this.learnedFeatures(modality);
    const graph = await itemGraph(features, this.config, this.kernels);
    const mixed = mixedGraph(graph.normalized, raw.normalized, rawWeight);
    return { raw, learned: { graph, features }, mixed, mixedTransposed: transposed(mixed) };
  }

  /** W `[F, D]` and b `[D]` of a modality. */
  projection(modality: number): { weight: Matrix; bias: Float32Array } {
    const { weight, bias } = featureProjection(this.shape, this.parameters, modality);
    return { weight, bias };
  }

  /** `F W + b`, the features of the learned graph; zeros for an item without the modality; `[N, D]`. */
  private async learnedFeatures(modality: number): Promise<Matrix> {
    const { features, weight, bias } = featureProjection(this.shape, this.parameters, modality);
    const result = await this.kernels.matMul(features, weight);
    const D = this.config.embeddingSize;
    this.shape.modalities[modality].isPresent.forEach((isPresent, item) => {
      for (let d = 0; d < D; d++) {
        const at = item * D + d;
        result.values[at] = isPresent ? result.values[at] + bias[d] : 0;
      }
    });
    return result;
  }

  /**
   * The vectors of all users and items.
   *
   * @param workspace Their memory. Default: new.
   */
  async forward(graphs: MicroGraphs, workspace = new Workspace()): Promise<MicroForward> {
    const { numUsers, numItems } = this.shape;
    const users = parameter(this.shape, this.parameters, "users");
    const items = parameter(this.shape, this.parameters, "items");
    const D = items.shape[1];
    const stacked = workspace.matrix("views", [graphs.modalities.length * numItems, D]);
    const views = graphs.modalities.map(({ mixed }, m) =>
      sparseProduct(mixed, items, rowRange(stacked, m * numItems, (m + 1) * numItems)),
    );
    const query = fusionParameters(this.shape, this.parameters);
    const h = workspace.zeros("fused", items.shape);
    const fused = await fusion(views, query, this.kernels, h);
    const before = stackRows(users, items);
    const after = workspace.matrix("nodes", before.shape);
    const nodes = propagated(graphs.userItem, before, this.config.numLayers, after);
    const baseItems = rowRange(nodes, numUsers, numUsers + numItems);
    const itemVectors = workspace.matrix("item vectors", items.shape);
    normalizeRowsInto(h, itemVectors.values);
    addScaled(itemVectors.values, baseItems.values, 1);
    return {
      views,
      fusion: fused,
      userVectors: rowRange(nodes, 0, numUsers),
      baseItems,
      itemVectors,
    };
  }

  /** The loss of one batch and its gradient at the parameters it depends on. */
  async batch(
    graphs: MicroGraphs,
    batch: MicroBatch,
  ): Promise<{ losses: LossTerms; gradients: NamedArrays }> {
    const { contrastWeight, numLayers } = this.config;
    const { workspace } = this;
    const forward = await this.forward(graphs, workspace);
    const { views, itemVectors } = forward;

    // 1. BPR at the vectors, the contrastive term at the views.
    const { bpr, l2, dUsers, dItems, head } = await this.bpr(forward, batch);
    const dFused = workspace.matrix("dFused", itemVectors.shape);
    normalizedRowsGradientInto(forward.fusion.fused, dItems, dFused); // of h / ||h||
    const { contrastive, dViews: dContrast } = await this.contrast(forward, batch, dFused);

    // 2. Back through the fusion: h -> E_m, W, b, v.
    const query = fusionParameters(this.shape, this.parameters);
    const fused = await fusionGradient(views, query, { ...forward.fusion, dFused }, this.kernels);
    fused.views.forEach((dView, m) => addScaled(dView.values, dContrast[m].values, contrastWeight));

    // 3. Back through the graphs: Ū, Ī -> U, X and E_m -> X.
    const dNodes = propagated(graphs.userItemTransposed, stackRows(dUsers, dItems), numLayers);
    const boundary = dUsers.values.length;
    const gradients: NamedArrays = {
      users: dNodes.values.subarray(0, boundary),
      items: dNodes.values.subarray(boundary),
      "fusion.weight": fused.weight.values,
      "fusion.bias": fused.bias,
      "fusion.query": fused.query,
      ...head,
    };
    const ofView = workspace.matrix("dItems of a view", itemVectors.shape);
    for (const [m, graph] of graphs.modalities.entries()) {
      const dView = fused.views[m];
      addScaled(gradients.items, sparseProduct(graph.mixedTransposed, dView, ofView).values, 1);
      if (batch.isFirst && graph.learned) {
        Object.assign(gradients, await this.featureGradients(m, graph.learned, dView));
      }
    }
    return { losses: { total: bpr + contrastive + l2, bpr, contrastive, l2 }, gradients };
  }

  /** BPR and the norms of a batch's vectors, with the visual head's part where there is one. */
  private async bpr(
    { userVectors, itemVectors }: MicroForward,
    { triples, views }: MicroBatch,
  ): Promise<BprLoss & { head: NamedArrays }> {
    const { l2Weight } = this.config;
    const { head } = this.parts;
    if (!head) {
      return { ...bprLoss(userVectors, itemVectors, triples, l2Weight), head: {} };
    }
    const D = itemVectors.shape[1];
    const items = batchItems(triples);
    const part = await head.forward(items);
    const ofViews = views ? await head.projectedViews(views.features) : null;
    const shown = joinedColumns(itemVectors, part.items);
    const all =
      views && ofViews
        ? stackRows(shown, joinedColumns(gatherRows(itemVectors, views.items), ofViews.projected))
        : shown;
    const loss = bprLoss(
      joinedColumns(userVectors, part.users),
      all,
      views ? views.triples : triples,
      l2Weight,
    );
    const split = (gradient: Matrix) => [
      columnRange(gradient, 0, D),
      columnRange(gradient, D, gradient.shape[1]),
    ];
    const [dUsers, dHeadUsers] = split(loss.dUsers);
    const N = itemVectors.shape[0];
    const [dItems, dHeadItems] = split(rowRange(loss.dItems, 0, N));
    const [dOfViews, dProjected] = split(rowRange(loss.dItems, N, all.shape[0]));
    views?.items.forEach((item, v) => addScaled(row(dItems, item), row(dOfViews, v), 1));
    const given = ofViews ? { standardized: ofViews.standardized, dProjected } : undefined;
    const { l2, gradients } = await head.gradient(dHeadUsers, dHeadItems, items, given);
    const constant = l2Weight / 2; // of the users' last component, which is 1
    return { bpr: loss.bpr, l2: loss.l2 - constant + l2, dUsers, dItems, head: gradients };
  }

  /** The contrastive terms of all modalities; adds their weighted gradient at h to `dFused`, leaves `dViews` unweighted. */
  private async contrast(
    { views, fusion: { fused } }: MicroForward,
    { anchors, triples }: MicroBatch,
    dFused: Matrix,
  ): Promise<{ contrastive: number; dViews: Matrix[] }> {
    const { contrastWeight, temperature } = this.config;
    const contrast = { views, fused, temperature };
    const { workspace } = this;
    const result = anchors
      ? await contrastiveLoss({ ...contrast, anchors, workspace }, this.kernels)
      : await contrastiveLossWithin(batchItems(triples), contrast, this.kernels);
    addScaled(dFused.values, result.dFused.values, contrastWeight);
    return { contrastive: contrastWeight * result.loss, dViews: result.dViews };
  }

  /** Back through the learned graph: E_m -> features and their projection. */
  private async featureGradients(
    modality: number,
    { graph, features: learned }: { graph: ItemGraph; features: Matrix },
    dView: Matrix,
  ): Promise<NamedArrays> {
    const { name } = this.shape.modalities[modality];
    const { features, weight } = featureProjection(this.shape, this.parameters, modality);
    const items = parameter(this.shape, this.parameters, "items");
    // The graph has weight 1 - λ; items without the modality have no edges and get no gradient.
    const dLearned = itemGraphGradient(graph, learned, items, dView);
    dLearned.values.forEach((value, at) => {
      dLearned.values[at] = value * (1 - this.config.rawWeight);
    });
    const dBias = new Float32Array(this.config.embeddingSize);
    for (let at = 0; at < dLearned.values.length; at++) {
      dBias[at % dBias.length] += dLearned.values[at];
    }
    return {
      [`${name}.features`]: (await this.kernels.matMul(dLearned, weight, { b: true })).values,
      [`${name}.weight`]: (await this.kernels.matMul(features, dLearned, { a: true })).values,
      [`${name}.bias`]: dBias,
    };
  }
}
