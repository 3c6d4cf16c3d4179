/**
 * @file VBPR: matrix factorization with a user's taste in features beside it.
 *
 * R. He, J. McAuley, "VBPR: Visual Bayesian Personalized Ranking from Implicit Feedback", AAAI 2016, eq. 4.
 * https://arxiv.org/abs/1510.01784
 *
 * ```
 * score(u, i) = β_i + γ_u · γ_i + θ_u · (E v_i) + β' · v_i
 * ```
 *
 * α and β_u of the paper are the same for all items of a user. The score is the dot product of `[γ_u; θ_u; 1]` and `[γ_i;
 * E v_i; β_i + β' · v_i]`, of size `K + d + 1`. With several modalities, v_i joins them (`feature-head.ts`).
 *
 * The loss is BPR with the squared norms of a batch's vectors, as in all models here, and of E and β'; the paper weighs
 * parameters instead of vectors. Explicit gradients, compared with central differences by the tests.
 *
 * Shapes: M users, N items, K size of γ, d size of θ.
 */
import type { NamedArrays } from "../nn/adam.js";
import {
  columnRange,
  gatherRows,
  joinedColumns,
  type Matrix,
  matrix,
  row,
  scattered,
} from "../nn/matrix.js";
import type { Random } from "../nn/random.js";
import { bprLoss, type Triples } from "./bpr-loss.js";
import type { DenseKernels } from "./dense-kernels.js";
import { FeatureHead, type HeadFeatures, headParameters, headRows } from "./feature-head.js";
import type { LossTerms, RankingData } from "./recommender.js";
import { batchItems } from "./training-batches.js";
import type { VbprConfig } from "./vbpr-config.js";
import type { UserItemVectors } from "./vector-recommender.js";

/** `users` [γ_u; θ_u] [M, K + d], `items` γ_i [N, K], `biases` β_i [N], and W of each modality. */
export function vbprParameters(
  { numUsers, numItems, modalities = [] }: RankingData,
  { embeddingSize: K, featureSize: d }: VbprConfig,
  random: Random,
): NamedArrays {
  const normal = (length: number, label: string) =>
    random
      .fork(label)
      .normals(length)
      .map(value => 0.1 * value);
  return {
    users: normal(numUsers * (K + d), "users"),
    items: normal(numItems * K, "items"),
    biases: new Float32Array(numItems),
    ...headParameters(modalities, d, random),
  };
}

/** VBPR's equations for one set of parameters, which it only reads. */
export class VbprNetwork {
  readonly head: FeatureHead;

  constructor(
    private readonly numUsers: number,
    private readonly config: VbprConfig,
    private readonly parameters: NamedArrays,
    parts: { features: readonly HeadFeatures[]; kernels: DenseKernels },
  ) {
    this.head = new FeatureHead(parts.features, config.featureSize, parameters, parts.kernels);
  }

  /** The vectors of all users and items. */
  async forward(): Promise<UserItemVectors> {
    return this.vectors(await this.head.projected());
  }

  /** The loss of one batch and its gradient. */
  async batch(triples: Triples): Promise<{ losses: LossTerms; gradients: NamedArrays }> {
    const { embeddingSize: K, featureSize: d, featureL2Weight, l2Weight } = this.config;
    const chosen = headRows(batchItems(triples), this.numItems);
    const projected = await this.head.projected(chosen);
    const all = chosen ? scattered(projected, chosen, this.numItems) : projected;
    const { userVectors, itemVectors } = this.vectors(all);
    const { bpr, l2, dUsers, dItems } = bprLoss(userVectors, itemVectors, triples, l2Weight);
    const dAll = columnRange(dItems, K, K + d + 1);
    const dProjected = chosen ? gatherRows(dAll, chosen) : dAll;
    const head = await this.head.gradient(dProjected, featureL2Weight, chosen);
    const constant = l2Weight / 2; // of the users' last component, which is 1
    const losses = { bpr, l2: l2 - constant + head.l2 };
    return {
      losses: { total: losses.bpr + losses.l2, ...losses },
      gradients: {
        users: columnRange(dUsers, 0, K + d).values,
        items: columnRange(dItems, 0, K).values,
        biases: columnRange(dItems, K + d, K + d + 1).values,
        ...head.gradients,
      },
    };
  }

  private get numItems(): number {
    return this.parameters.biases.length;
  }

  /** @param projected `[E v; β' · v]` `[N, d + 1]`. */
  private vectors(projected: Matrix): UserItemVectors {
    const { embeddingSize: K, featureSize: d } = this.config;
    const { biases, items, users } = this.parameters;
    const ones = matrix([this.numUsers, 1], new Float32Array(this.numUsers).fill(1));
    const itemVectors = joinedColumns(matrix([this.numItems, K], items), projected);
    biases.forEach((bias, item) => (row(itemVectors, item)[K + d] += bias));
    return {
      userVectors: joinedColumns(matrix([this.numUsers, K + d], users), ones),
      itemVectors,
    };
  }
}
