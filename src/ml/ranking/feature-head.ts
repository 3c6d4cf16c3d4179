/**
 * @file The part of a score that is linear in an item's raw features: `θ_u · (E v_i) + β · v_i`.
 *
 * R. He, J. McAuley, "VBPR: Visual Bayesian Personalized Ranking from Implicit Feedback", AAAI 2016, eq. 4.
 * https://arxiv.org/abs/1510.01784
 *
 * `v̂ = w (v - μ) / s`: μ is the mean of the items that have the modality, s the root of their mean squared distance from
 * it, so that v̂ has a root mean squared length of w, by default 1. An item without the modality has v̂ = 0. With several modalities the
 * terms add up, as if their features were joined.
 *
 * E and β are one matrix W = [E β], so that the term is `[θ_u; 1] · (Wᵀ v̂)`.
 *
 * Shapes: N items, F length of a raw feature, d length of θ.
 */
import type { NamedArrays } from "../nn/adam.js";
import { addScaled, dot, gatherRows, type Matrix, matrix, row } from "../nn/matrix.js";
import type { Random } from "../nn/random.js";
import type { StoredTensor } from "../nn/safetensors.js";
import type { DenseKernels } from "./dense-kernels.js";
import type { Modality } from "./recommender.js";

/** Standard deviation of W at the start; that of `E v̂` is about the same. */
const INITIAL_DEVIATION = 0.1;

/** Time of copying a row of features, in products with it; measured with 1,280 features and d = 16. */
const COPY_COST = 6;

/** A modality's features as the head reads them. */
export interface HeadFeatures {
  name: string;
  /** v̂ `[N, F]`. */
  standardized: Matrix;
  /** μ `[F]`. */
  mean: Float32Array;
  /** s / w. */
  scale: number;
}

/** The head of one modality after training, for raw features: `Wᵀ v̂ = weightᵀ v + offset`. */
export interface HeadState {
  name: string;
  /** w W / s `[F, d + 1]`. */
  weight: Matrix;
  /** `-w Wᵀ μ / s` `[d + 1]`. */
  offset: Float32Array;
  /** `Wᵀ v̂` of each item of the training `[N, d + 1]`. */
  projected: Matrix;
}

/** @param weight w, the root mean squared length of v̂. */
export function headFeatures({ name, features }: Modality, weight = 1): HeadFeatures {
  const [N, F] = features.shape;
  const present = Array.from({ length: N }, (_, item) => row(features, item)).filter(isPresent);
  const mean = new Float32Array(F);
  present.forEach(feature => addScaled(mean, feature, 1 / present.length));
  const standardized = matrix([N, F]);
  let squares = 0;
  for (let item = 0; item < N; item++) {
    const feature = row(features, item);
    if (isPresent(feature)) {
      const target = row(standardized, item);
      target.set(feature);
      addScaled(target, mean, -1);
      squares += dot(target, target);
    }
  }
  const scale = (Math.sqrt(squares / present.length) || 1) / weight; // 1: all alike, or none
  for (let at = 0; at < standardized.values.length; at++) {
    standardized.values[at] /= scale;
  }
  return { name, standardized, mean, scale };
}

const isPresent = (feature: Float32Array) => feature.some(value => value !== 0);

/** Initial W of each modality, `<modality>.head` `[F, d + 1]`. */
export function headParameters(
  modalities: readonly Modality[],
  size: number,
  random: Random,
): NamedArrays {
  return Object.fromEntries(
    modalities.map(({ name, features }) => [
      `${name}.head`,
      random
        .fork(`${name}.head`)
        .normals(features.shape[1] * (size + 1))
        .map(value => INITIAL_DEVIATION * value),
    ]),
  );
}

/** The head's products and gradients for one set of parameters, which it only reads. */
export class FeatureHead {
  constructor(
    private readonly modalities: readonly HeadFeatures[],
    /** d. */
    private readonly size: number,
    private readonly parameters: NamedArrays,
    private readonly kernels: DenseKernels,
  ) {}

  /**
   * `Wᵀ v̂`, that is `[E v̂; β · v̂]`, summed over the modalities; `[B, d + 1]`.
   *
   * @param items Default: all.
   */
  async projected(items?: Int32Array): Promise<Matrix> {
    const [first, ...others] = await this.projections(items);
    others.forEach(other => addScaled(first.values, other.values, 1));
    return first;
  }

  /**
   * The loss `l2Weight · ½ ||W||²` and the gradients of every W, given those at {@link projected}.
   *
   * @param items Default: all.
   */
  async gradient(
    dProjected: Matrix,
    l2Weight: number,
    items?: Int32Array,
  ): Promise<{ l2: number; gradients: NamedArrays }> {
    let l2 = 0;
    const gradients: NamedArrays = {};
    for (const modality of this.modalities) {
      const weight = this.weight(modality);
      const chosen = chosenRows(modality, items);
      const { values } = await this.kernels.matMul(chosen, dProjected, { a: true });
      addScaled(values, weight.values, l2Weight);
      l2 += (l2Weight / 2) * dot(weight.values, weight.values);
      gradients[`${modality.name}.head`] = values;
    }
    return { l2, gradients };
  }

  /**
   * `Wᵀ v̂` of raw features that are no item's own, of the first modality; `[V, d + 1]`.
   *
   * @param features `[V, F]`.
   */
  async projectedViews(features: Matrix): Promise<{ standardized: Matrix; projected: Matrix }> {
    const [modality] = this.modalities;
    const standardized = standardizedRows(features, modality);
    const projected = await this.kernels.matMul(standardized, this.weight(modality));
    return { standardized, projected };
  }

  /** Adds the gradient at W of such features. */
  async addViewsGradient(
    gradients: NamedArrays,
    { dProjected, standardized }: { dProjected: Matrix; standardized: Matrix },
  ): Promise<void> {
    const [{ name }] = this.modalities;
    const { values } = await this.kernels.matMul(standardized, dProjected, { a: true });
    addScaled(gradients[`${name}.head`], values, 1);
  }

  async state(): Promise<HeadState[]> {
    const projections = await this.projections();
    return this.modalities.map((modality, m) => {
      const { mean, name, scale } = modality;
      const trained = this.weight(modality);
      const weight = matrix(
        trained.shape,
        trained.values.map(value => value / scale),
      );
      const offset = new Float32Array(this.size + 1);
      mean.forEach((value, f) => addScaled(offset, row(weight, f), -value));
      return { name, weight, offset, projected: projections[m] };
    });
  }

  private projections(items?: Int32Array): Promise<Matrix[]> {
    return Promise.all(
      this.modalities.map(modality =>
        this.kernels.matMul(chosenRows(modality, items), this.weight(modality)),
      ),
    );
  }

  private weight({ name, standardized: { shape } }: HeadFeatures): Matrix {
    return matrix([shape[1], this.size + 1], this.parameters[`${name}.head`]);
  }
}

/** v̂ of raw features; zeros for those of zeros, which mean none. */
function standardizedRows(features: Matrix, { mean, scale }: HeadFeatures): Matrix {
  const result = matrix(features.shape);
  for (let at = 0; at < features.shape[0]; at++) {
    const feature = row(features, at);
    if (isPresent(feature)) {
      const target = row(result, at);
      addScaled(target, feature, 1 / scale);
      addScaled(target, mean, -1 / scale);
    }
  }
  return result;
}

function chosenRows({ standardized }: HeadFeatures, items?: Int32Array): Matrix {
  return items ? gatherRows(standardized, items) : standardized;
}

/**
 * The rows to multiply for a batch of `items`; undefined: all. To copy rows costs several times their product, so that
 * is worth it only in large catalogues.
 */
export function headRows(items: Int32Array, numItems: number): Int32Array | undefined {
  return COPY_COST * items.length < numItems ? items : undefined;
}

/**
 * `Wᵀ v̂` of a raw feature `[F]`; zeros for one of zeros, which means none; `[d + 1]`.
 *
 * @throws Error for a feature of another length.
 */
export function headVector(
  { name, offset, weight }: Omit<HeadState, "projected">,
  feature: Float32Array,
): Float32Array {
  const [F] = weight.shape;
  if (feature.length !== F) {
    throw new Error(`headVector: expected a '${name}' of length ${F}, got ${feature.length}`);
  }
  if (!isPresent(feature)) {
    return new Float32Array(offset.length);
  }
  const vector = offset.slice();
  for (let f = 0; f < F; f++) {
    addScaled(vector, row(weight, f), feature[f]);
  }
  return vector;
}

/** `∂([θ_u; 1] · Wᵀ v̂) / ∂v = w (E θ_u + β) / s`, given `[θ_u; 1]`; `[F]`. */
export function headGradient({ weight }: HeadState, user: Float32Array): Float32Array {
  return Float32Array.from({ length: weight.shape[0] }, (_, f) => dot(row(weight, f), user));
}

/** The head's tensors, each prefixed by its modality's name. */
export function headTensors(states: readonly HeadState[]): Record<string, StoredTensor> {
  const tensors: Record<string, StoredTensor> = {};
  for (const { name, offset, projected, weight } of states) {
    tensors[`${name}.head.weight`] = weight;
    tensors[`${name}.head.offset`] = { shape: [offset.length], values: offset };
    tensors[`${name}.head.projected`] = projected;
  }
  return tensors;
}

/** What {@link headTensors} gave, by a function that reads a tensor. */
export function headStateOf(name: string, read: (name: string) => StoredTensor): HeadState {
  const table = (part: string) => {
    const { shape, values } = read(`${name}.head.${part}`);
    return matrix([shape[0], shape[1]], values as Float32Array);
  };
  const offset = read(`${name}.head.offset`).values as Float32Array;
  return { name, weight: table("weight"), offset, projected: table("projected") };
}
