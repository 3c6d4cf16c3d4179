/**
 * @file FREEDOM: item embeddings over a frozen item graph, and both sides over a pruned user-item graph.
 *
 * X. Zhou, Z. Shen, "A Tale of Two Graphs: Freezing and Denoising Graph Structures for Multimodal Recommendation", MM
 * 2023. https://arxiv.org/abs/2211.06924. Details as in the authors' code, enoche/MMRec.
 *
 * Notation (name here -> symbol)
 * - users, items     -> U [M, D], X [N, D], the trained embeddings
 * - itemGraph        -> S [N, N], of the raw features, frozen
 * - userItem         -> Â [M + N, M + N], pruned in training, complete for scores; symmetric, so it is its own transpose
 * - userVectors      -> Ū, users after the propagation over Â (mean of the layers)
 * - itemVectors      -> Ī + S^L X; the score of an item is ū · i
 * - views[m]         -> P_m = F_m W_m [N, D], of a batch's items only; the authors' bias cancels in every difference
 *
 * ```
 * L = BPR(Ū, Ī + S^L X) + λ Σ_m BPR(Ū, P_m)
 * ```
 *
 * Explicit gradients, compared with central differences by the tests.
 */
import type { Gradients, NamedArrays } from "../nn/adam.js";
import { addScaled, gatherRows, type Matrix, matrix, rowRange, stackRows } from "../nn/matrix.js";
import type { Random } from "../nn/random.js";
import { type CsrMatrix, sparseProduct, transposed } from "../nn/sparse.js";
import { bprLoss, type Triples } from "./bpr-loss.js";
import type { DenseKernels } from "./dense-kernels.js";
import type { FreedomConfig } from "./freedom-config.js";
import {
  embeddingParameters,
  featureProjection,
  type MicroShape,
  parameter,
  projectionParameters,
} from "./micro-parameters.js";
import type { LossTerms, RankingData } from "./recommender.js";
import { propagated } from "./user-item-graph.js";
import type { UserItemVectors } from "./vector-recommender.js";

/** Initial parameters: `users`, `items`, and `<modality>.features` and `.weight`. */
export function freedomParameters(
  shape: MicroShape,
  { modalities = [] }: RankingData,
  random: Random,
): NamedArrays {
  const parameters = {
    ...embeddingParameters(shape, random),
    ...projectionParameters(modalities, shape.embeddingSize, random),
  };
  for (const { name } of modalities) {
    delete parameters[`${name}.bias`];
  }
  return parameters;
}

/** FREEDOM's equations for one set of parameters, which it only reads. */
export class FreedomNetwork {
  private readonly itemGraphTransposed: CsrMatrix;

  constructor(
    private readonly shape: MicroShape,
    private readonly config: FreedomConfig,
    private readonly parameters: NamedArrays,
    private readonly parts: { itemGraph: CsrMatrix; kernels: DenseKernels },
  ) {
    this.itemGraphTransposed = transposed(parts.itemGraph);
  }

  /** The vectors of all users and items. */
  forward(userItem: CsrMatrix): UserItemVectors {
    const { numUsers, numItems } = this.shape;
    const users = parameter(this.shape, this.parameters, "users");
    const items = parameter(this.shape, this.parameters, "items");
    const nodes = propagated(userItem, stackRows(users, items), this.config.numLayers);
    const itemVectors = rowRange(nodes, numUsers, numUsers + numItems);
    addScaled(itemVectors.values, this.smoothedItems(this.config.numItemLayers).values, 1);
    return { userVectors: rowRange(nodes, 0, numUsers), itemVectors };
  }

  /** `S^numLayers X`. */
  smoothedItems(numLayers: number): Matrix {
    return repeated(
      this.parts.itemGraph,
      parameter(this.shape, this.parameters, "items"),
      numLayers,
    );
  }

  /** The loss of one batch and its gradient at the parameters it depends on. */
  async batch(
    userItem: CsrMatrix,
    triples: Triples,
  ): Promise<{ losses: LossTerms; gradients: Gradients }> {
    const { numLayers, numItemLayers } = this.config;
    const { userVectors, itemVectors } = this.forward(userItem);
    const { bpr, dUsers, dItems } = bprLoss(userVectors, itemVectors, triples, 0);
    const losses: Record<string, number> = { bpr };
    const gradients: Gradients = {};
    for (const m of this.shape.modalities.keys()) {
      const { name } = this.shape.modalities[m];
      losses[`bpr.${name}`] = await this.modalityLoss(m, triples, userVectors, {
        dUsers,
        gradients,
      });
    }
    const dNodes = propagated(userItem, stackRows(dUsers, dItems), numLayers);
    const boundary = dUsers.values.length;
    gradients.users = dNodes.values.subarray(0, boundary);
    gradients.items = dNodes.values.subarray(boundary);
    addScaled(gradients.items, repeated(this.itemGraphTransposed, dItems, numItemLayers).values, 1);
    const total = Object.values(losses).reduce((sum, loss) => sum + loss, 0);
    return { losses: { total, ...losses }, gradients };
  }

  /** λ BPR(Ū, P_m); adds its gradients to the given ones. */
  private async modalityLoss(
    modality: number,
    { users, positives, negatives }: Triples,
    userVectors: Matrix,
    { dUsers, gradients }: { dUsers: Matrix; gradients: Gradients },
  ): Promise<number> {
    const { modalityLossWeight, trainFeatures } = this.config;
    const { kernels } = this.parts;
    if (modalityLossWeight === 0) {
      return 0;
    }
    const { name } = this.shape.modalities[modality];
    const { features, weight } = featureProjection(this.shape, this.parameters, modality);
    const rows = Int32Array.from(new Set([...positives, ...negatives])).sort();
    const place = new Map(Array.from(rows, (item, at) => [item, at]));
    const local = (items: Int32Array) => items.map(item => place.get(item)!); // every item of the batch has one
    const chosen = gatherRows(features, rows);
    const view = await kernels.matMul(chosen, weight);
    const triples = { users, positives: local(positives), negatives: local(negatives) };
    const { bpr, dUsers: dUsersHere, dItems: dView } = bprLoss(userVectors, view, triples, 0);
    addScaled(dUsers.values, dUsersHere.values, modalityLossWeight);
    for (let at = 0; at < dView.values.length; at++) {
      dView.values[at] *= modalityLossWeight;
    }
    gradients[`${name}.weight`] = (await kernels.matMul(chosen, dView, { a: true })).values;
    if (trainFeatures) {
      gradients[`${name}.features`] = {
        rows,
        values: await kernels.matMul(dView, weight, { b: true }),
      };
    }
    return modalityLossWeight * bpr;
  }
}

/** `A^times x`. */
function repeated(a: CsrMatrix, x: Matrix, times: number): Matrix {
  let result = matrix(x.shape, x.values);
  for (let layer = 0; layer < times; layer++) {
    result = sparseProduct(a, result);
  }
  return result;
}
