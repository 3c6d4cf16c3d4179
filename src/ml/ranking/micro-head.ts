/**
 * @file MICRO's visual head: a part of the score that is linear in an item's image feature, beside the item graphs.
 *
 * ```
 * score(u, i) = ū · i + θ_u · (E v_i) + β · v_i,   θ_u = p_u + (1 / |H_u|) Σ_{j ∈ H_u} y_j
 * ```
 *
 * The first term is MICRO's. The others are VBPR's (`feature-head.ts`), with v_i the raw feature, which is not trained. In
 * an item graph an image only chooses ten neighbours; here it counts directly, and for each user differently.
 *
 * A user's taste θ_u has a part of its own and the mean of vectors of the items in its history H_u, as in SVD++ (Y. Koren,
 * KDD 2008). The second part is also known for users outside the training (fold-in).
 *
 * All vectors get longer: `[ū; θ_u; 1]` and `[i; E v_i; β · v_i]`, so that scores stay dot products.
 *
 * Shapes: M users, N items, D embedding size, d size of θ, F length of a raw feature.
 */
import type { NamedArrays } from "../nn/adam.js";
import {
  addScaled,
  columnRange,
  gatherRows,
  joinedColumns,
  type Matrix,
  matrix,
  scattered,
} from "../nn/matrix.js";
import type { Random } from "../nn/random.js";
import { type CsrMatrix, csrFromPlaces, sparseProduct, transposed } from "../nn/sparse.js";
import type { DenseKernels } from "./dense-kernels.js";
import {
  FeatureHead,
  headFeatures,
  headParameters,
  headRows,
  type HeadState,
  headVector,
} from "./feature-head.js";
import { type Modality, type RankingData, type Viewer, VISUAL_MODALITY } from "./recommender.js";
import { interactions } from "./user-item-graph.js";
import { foldInVector } from "./vector-scores.js";

export interface VisualHeadConfig {
  /** d, size of a user's taste in images. */
  size: number;
  /** Multiplies v̂, and so how fast the head learns beside the embeddings. */
  weight: number;
  /** Weight of the squared norm of E and β. */
  l2: number;
}

/** The head after training. */
export interface MicroHeadState extends HeadState {
  /** Y `[N, d]`. */
  sources: Matrix;
}

/** The modality that the head reads; undefined where the data has none. */
export function headModality({
  modalities = [],
}: Pick<RankingData, "modalities">): Modality | undefined {
  return modalities.find(({ name }) => name === VISUAL_MODALITY);
}

/** Initial p `head.users` [M, d], Y `head.sources` [N, d] and W `visual.head` [F, d + 1]. */
export function microHeadParameters(
  { numUsers, numItems, modalities }: RankingData,
  { size }: VisualHeadConfig,
  random: Random,
): NamedArrays {
  const visual = headModality({ modalities });
  const normal = (length: number, label: string) =>
    random
      .fork(label)
      .normals(length)
      .map(value => 0.1 * value);
  return visual
    ? {
        "head.users": normal(numUsers * size, "head.users"),
        "head.sources": normal(numItems * size, "head.sources"),
        ...headParameters([visual], size, random),
      }
    : {};
}

/** The head's part of the vectors for one set of parameters, which it only reads. */
export class MicroHead {
  private readonly head: FeatureHead;
  /** Rows `1 / |H_u|` `[M, N]`. */
  private readonly histories: CsrMatrix;
  private readonly historiesTransposed: CsrMatrix;

  private constructor(
    visual: Modality,
    { numUsers, numItems, train }: RankingData,
    private readonly config: VisualHeadConfig,
    private readonly parts: { parameters: NamedArrays; kernels: DenseKernels },
  ) {
    const { parameters, kernels } = parts;
    const features = headFeatures(visual, config.weight);
    this.head = new FeatureHead([features], config.size, parameters, kernels);
    const { users, items } = interactions(train);
    const values = Float32Array.from(users, user => 1 / train[user].length);
    const places = { rows: users, columns: items, values };
    this.histories = csrFromPlaces(places, [numUsers, numItems]);
    this.historiesTransposed = transposed(this.histories);
  }

  /** Null without a configuration, or where the data has no images. */
  static create(
    data: RankingData,
    config: VisualHeadConfig | null,
    parts: { parameters: NamedArrays; kernels: DenseKernels },
  ): MicroHead | null {
    const visual = headModality(data);
    return config && visual ? new MicroHead(visual, data, config, parts) : null;
  }

  /**
   * `[θ_u; 1]` `[M, d + 1]` and `[E v_i; β · v_i]` `[N, d + 1]`.
   *
   * @param rows The items whose vectors are needed; the others may be zeros. Default: all.
   */
  async forward(rows?: Int32Array): Promise<{ users: Matrix; items: Matrix }> {
    const taste = sparseProduct(this.histories, this.sources);
    addScaled(taste.values, this.parts.parameters["head.users"], 1);
    const [M, N] = this.histories.shape;
    const users = joinedColumns(taste, matrix([M, 1], new Float32Array(M).fill(1)));
    const chosen = rows && headRows(rows, N);
    const projected = await this.head.projected(chosen);
    return { users, items: chosen ? scattered(projected, chosen, N) : projected };
  }

  /** `[E v; β · v]` of personal images, and the features as the gradient needs them; `[V, d + 1]`. */
  projectedViews(features: Matrix): Promise<{ standardized: Matrix; projected: Matrix }> {
    return this.head.projectedViews(features);
  }

  /**
   * The loss `l2 · ½ ||W||²` and the gradients, given those at {@link forward}'s results for the same rows, and at personal
   * images.
   */
  async gradient(
    dUsers: Matrix,
    dItems: Matrix,
    rows: Int32Array,
    views?: { standardized: Matrix; dProjected: Matrix },
  ): Promise<{ l2: number; gradients: NamedArrays }> {
    const { l2: l2Weight, size } = this.config;
    const dTaste = columnRange(dUsers, 0, size);
    const chosen = headRows(rows, dItems.shape[0]);
    const dProjected = chosen ? gatherRows(dItems, chosen) : dItems;
    const { l2, gradients } = await this.head.gradient(dProjected, l2Weight, chosen);
    if (views) {
      await this.head.addViewsGradient(gradients, views);
    }
    return {
      l2,
      gradients: {
        ...gradients,
        "head.users": dTaste.values,
        "head.sources": sparseProduct(this.historiesTransposed, dTaste).values,
      },
    };
  }

  async state(): Promise<MicroHeadState> {
    const [visual] = await this.head.state();
    return { ...visual, sources: this.sources };
  }

  private get sources(): Matrix {
    const [, N] = this.histories.shape;
    return matrix([N, this.config.size], this.parts.parameters["head.sources"]);
  }
}

/** `[i; E v; β · v]`: an item's vector with the head's part for an image feature; none counts as zeros. */
export function withHead(
  vector: Float32Array,
  head: MicroHeadState | null,
  feature: Float32Array | undefined,
): Float32Array {
  return head
    ? joined(vector, feature ? headVector(head, feature) : new Float32Array(head.offset.length))
    : vector;
}

export function joined(a: Float32Array, b: Float32Array): Float32Array {
  const result = new Float32Array(a.length + b.length);
  result.set(a);
  result.set(b, a.length);
  return result;
}

/** `[ū; θ; 1]` of a user outside the training: ū is the mean of the items' vectors without the head's part. */
export function foldedInWithHead(
  { history, strengths }: Extract<Viewer, { history: readonly number[] }>,
  itemVectors: Matrix,
  { offset, sources }: MicroHeadState,
): Float32Array {
  const user = foldInVector(history, itemVectors, strengths);
  const taste = foldInVector(history, sources, strengths);
  user.set(taste, user.length - offset.length);
  user[user.length - 1] = 1;
  return user;
}
