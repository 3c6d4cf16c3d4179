/**
 * @file EASE^R: a linear model of items on items with a closed-form solution.
 *
 * H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019. https://arxiv.org/abs/1905.03375
 *
 * ```
 * min_B ||X - X B||² + λ ||B||²,  diag(B) = 0
 * P = (XᵀX + λ I)⁻¹,  B = I - P diag(1 / diag P)              (eq. 8)
 * ```
 *
 * A user's scores are `x B`, x the row of their items, so a row that was not in training needs no approximation.
 *
 * - **Strengths**: the entry of X for an interaction is its strength (1 without strengths), in training and in `x`.
 * - **Side information**: item features F_m of unit length are further rows of X, weighted: `XᵀX + w Σ_m F_m F_mᵀ`.
 *   O. Jeunen et al., "Closed-Form Models for Collaborative Filtering with Side-Information", RecSys 2020 (CEASE).
 *   Features are centred first; otherwise all of them would be alike.
 * - **Large catalogues**: B is dense, so only the K most chosen items have a row (regressors). The others are still
 *   ranked: each has its own ridge regression on those K, `P g` with g its column of XᵀX.
 *
 * Shapes: M users, N items, K regressors (K = N up to 20,000 items).
 */
import { AppError } from "../../errors/app-error.js";
import { addScaled, type Matrix, matrix, normalizedRows, row } from "../nn/matrix.js";
import { encodeModel, malformedWeights, type ModelFiles, weightsOf } from "../nn/model-files.js";
import { createDoubleProducts, type DoubleMatrix, type DoubleProducts } from "./double-products.js";
import {
  decodeRows,
  encodeRows,
  ItemWeightsRecommender,
  list,
  type UserRows,
  userRows,
} from "./item-weights.js";
import { type InverseOptions, inverseOf, NotPositiveDefiniteError } from "./positive-definite.js";
import {
  assertRankingData,
  type FitOptions,
  type FitReport,
  type RankingData,
  type Recommender,
  type ScoredItem,
} from "./recommender.js";
import { validationRecall } from "./validation.js";
import { bestItems } from "./vector-scores.js";

export const EASE_ALGORITHM = "EASE";

/** The largest B: 20,000 items on each other, 1.6 GB. */
const MAX_WEIGHTS = 20_000 ** 2;
/** Columns of items that are no regressors, solved at once. */
const TILE_COLUMNS = 1024;

export interface EaseConfig {
  /** Weight of the squared weights, added to the diagonal of `XᵀX`. Default: 200. */
  lambda: number;
  /** Weight of the items' features beside the interactions; 0 leaves them out. Default: 0. */
  sideWeight: number;
  /** Largest number of regressors, the most chosen items. Default: 20,000; fewer where B would pass 1.6 GB. */
  maxRegressors: number;
}

export const defaultEaseConfig: EaseConfig = { lambda: 200, sideWeight: 0, maxRegressors: 20_000 };

export interface EaseOptions extends Partial<EaseConfig> {
  signal?: AbortSignal;
}

/**
 * The item-item weights B; `[N, N]`, zeros on the diagonal. Row i is what an interaction with item i adds to all scores;
 * it is zeros for an item that is no regressor.
 */
export async function easeWeights(data: RankingData, options: EaseOptions = {}): Promise<Matrix> {
  const { regressors, weights } = await solve(data, options);
  const N = data.numItems;
  if (regressors.length === N) {
    return weights;
  }
  const all = matrix([N, N]);
  regressors.forEach((item, k) => row(all, item).set(row(weights, k)));
  return all;
}

interface EaseState {
  /** `[K]` item indices, ascending. */
  regressors: Int32Array;
  /** B `[K, N]`. */
  weights: Matrix;
  rows: UserRows;
}

export class Ease extends ItemWeightsRecommender implements Recommender {
  readonly algorithm = EASE_ALGORITHM;
  readonly config: EaseConfig;
  private state: EaseState | null = null;
  private rowOf = new Map<number, number>();

  constructor(config: Partial<EaseConfig> = {}) {
    super();
    this.config = { ...defaultEaseConfig, ...config };
  }

  get numItems(): number {
    return this.trained.weights.shape[1];
  }

  /** Solves for the weights at once. @throws AppError INVALID_ARGUMENT where `lambda` is too small to solve for them. */
  async fit(data: RankingData, { signal }: FitOptions = {}): Promise<FitReport> {
    assertRankingData("Ease.fit", data);
    signal?.throwIfAborted();
    this.use({ ...(await solve(data, { ...this.config, signal })), rows: userRows(data) });
    const recall = await validationRecall(data, user => this.score(user));
    return { epoch: 1, validationRecall: recall };
  }

  /** By the weight from one item to the other, both directions added. */
  similarItems(itemIndex: number, k: number): ScoredItem[] {
    const { regressors, weights } = this.trained;
    const scores = this.product([itemIndex], [1]);
    const N = this.numItems;
    regressors.forEach((item, k) => (scores[item] += weights.values[k * N + itemIndex]));
    return bestItems(scores, k, item => item === itemIndex);
  }

  toFiles(): ModelFiles {
    const { algorithm, config } = this;
    const { regressors, weights, rows } = this.trained;
    const tensors = { weights, regressors: list(regressors), ...encodeRows(rows) };
    const metadata = { algorithm, config: JSON.stringify(config) };
    return encodeModel({ tensors, metadata }, { algorithm, config });
  }

  /** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  static fromFiles(files: ModelFiles): Ease {
    const { tensors, metadata } = weightsOf(files);
    if (metadata.algorithm !== EASE_ALGORITHM) {
      throw malformedWeights("an EASE model", `it is of '${metadata.algorithm}'`);
    }
    const model = new Ease(JSON.parse(metadata.config) as EaseConfig); // written by toFiles
    const [K, N] = tensors.weights.shape;
    model.use({
      regressors: Int32Array.from(tensors.regressors.values),
      weights: matrix([K, N], tensors.weights.values as Float32Array),
      rows: decodeRows(tensors),
    });
    return model;
  }

  dispose(): void {
    this.state = null;
    this.rowOf.clear();
  }

  private use(state: EaseState): void {
    this.state = state;
    this.rowOf = new Map(Array.from(state.regressors, (item, k) => [item, k]));
  }

  private get trained(): EaseState {
    if (!this.state) {
      throw new Error("Ease: expected a trained model; call fit or load first");
    }
    return this.state;
  }

  protected get rows(): UserRows {
    return this.trained.rows;
  }

  protected product(items: ArrayLike<number>, strengths: ArrayLike<number>): Float32Array {
    const { weights } = this.trained;
    const scores = new Float32Array(weights.shape[1]);
    for (let n = 0; n < items.length; n++) {
      const k = this.rowOf.get(items[n]);
      if (k !== undefined) {
        addScaled(scores, row(weights, k), strengths[n]);
      }
    }
    return scores;
  }
}

async function solve(
  data: RankingData,
  { signal, ...changes }: EaseOptions,
): Promise<Omit<EaseState, "rows">> {
  const config = { ...defaultEaseConfig, ...changes };
  const regressors = mostChosen(data, config.maxRegressors);
  const products = await createDoubleProducts();
  try {
    const [K, N] = [regressors.length, data.numItems];
    const gram = await gramRows(data, regressors, config.sideWeight, products);
    const square = K === N ? gram : columnsOf(gram, regressors);
    for (let k = 0; k < K; k++) {
      square.values[k * K + k] += config.lambda;
    }
    const P = await inverse(square, config.lambda, { products, signal });
    const weights = matrix([K, N]);
    for (let j = 0; j < K; j++) {
      const scale = -1 / P.values[j * K + j];
      for (let i = 0; i < K; i++) {
        weights.values[i * N + regressors[j]] = i === j ? 0 : scale * P.values[i * K + j];
      }
    }
    const isRegressor = new Set(regressors);
    const others = Array.from({ length: N }, (_, item) => item).filter(i => !isRegressor.has(i));
    for (let start = 0; start < others.length; start += TILE_COLUMNS) {
      signal?.throwIfAborted();
      const items = others.slice(start, start + TILE_COLUMNS);
      const { values } = await products.multiply(P, columnsOf(gram, items));
      for (let i = 0; i < K; i++) {
        items.forEach((item, c) => (weights.values[i * N + item] = values[i * items.length + c]));
      }
    }
    return { regressors, weights };
  } finally {
    await products.dispose();
  }
}

/** @throws AppError INVALID_ARGUMENT */
async function inverse(a: DoubleMatrix, lambda: number, options: InverseOptions) {
  try {
    return await inverseOf(a, options);
  } catch (error) {
    if (error instanceof NotPositiveDefiniteError) {
      const problem = `must be larger: with ${lambda} the items' weights have no solution`;
      throw new AppError("INVALID_ARGUMENT", { argument: "lambda", problem }, { cause: error });
    }
    throw error;
  }
}

/** The most chosen items, as many as B has rows; ascending. Ties by index. */
function mostChosen({ train, numItems }: RankingData, maxRegressors: number): Int32Array {
  const K = Math.min(numItems, maxRegressors, Math.max(1, Math.floor(MAX_WEIGHTS / numItems)));
  const counts = new Int32Array(numItems);
  train.forEach(items => items.forEach(item => counts[item]++));
  const order = Array.from(counts.keys()).sort((a, b) => counts[b] - counts[a] || a - b);
  return Int32Array.from(order.slice(0, K)).sort();
}

/** The regressors' rows of `XᵀX + w Σ_m F_m F_mᵀ`; `[K, N]`. */
async function gramRows(
  { train, strengths, modalities = [], numItems: N }: RankingData,
  regressors: Int32Array,
  sideWeight: number,
  products: DoubleProducts,
): Promise<DoubleMatrix> {
  const K = regressors.length;
  const values = new Float64Array(K * N);
  const place = new Int32Array(N).fill(-1);
  regressors.forEach((item, k) => (place[item] = k));
  train.forEach((items, user) => {
    const own = strengths?.[user];
    for (let a = 0; a < items.length; a++) {
      const start = place[items[a]] * N;
      if (start >= 0) {
        for (let b = 0; b < items.length; b++) {
          values[start + items[b]] += own ? own[a] * own[b] : 1;
        }
      }
    }
  });
  if (sideWeight > 0) {
    for (const { features } of modalities) {
      const all = doubles(centredDirections(features));
      const own = rowsAt(all, regressors);
      for (let start = 0; start < K; start += TILE_COLUMNS) {
        const tile = rowsAt(own, range(start, Math.min(K, start + TILE_COLUMNS)));
        const { values: cosines } = await products.multiply(tile, all, { b: true });
        for (let at = 0; at < cosines.length; at++) {
          values[start * N + at] += sideWeight * cosines[at];
        }
      }
    }
  }
  return { shape: [K, N], values };
}

/** Features minus their mean over the items that have any, each of unit length; zeros for the others. */
function centredDirections(features: Matrix): Matrix {
  const [N, F] = features.shape;
  const mean = new Float64Array(F);
  const present = range(0, N).filter(item => row(features, item).some(value => value !== 0));
  present.forEach(item => row(features, item).forEach((value, f) => (mean[f] += value)));
  const centred = matrix([N, F]);
  present.forEach(item => {
    row(centred, item).set(row(features, item).map((value, f) => value - mean[f] / present.length));
  });
  return normalizedRows(centred);
}

function doubles({ shape, values }: Matrix): DoubleMatrix {
  return { shape, values: Float64Array.from(values) };
}

function rowsAt({ shape: [, D], values }: DoubleMatrix, indices: ArrayLike<number>): DoubleMatrix {
  const result = new Float64Array(indices.length * D);
  for (let r = 0; r < indices.length; r++) {
    result.set(values.subarray(indices[r] * D, (indices[r] + 1) * D), r * D);
  }
  return { shape: [indices.length, D], values: result };
}

function columnsOf(
  { shape: [R, C], values }: DoubleMatrix,
  columns: ArrayLike<number>,
): DoubleMatrix {
  const n = columns.length;
  const result = new Float64Array(R * n);
  for (let r = 0; r < R; r++) {
    for (let c = 0; c < n; c++) {
      result[r * n + c] = values[r * C + columns[c]];
    }
  }
  return { shape: [R, n], values: result };
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, n) => start + n);
}
