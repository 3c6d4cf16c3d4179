/**
 * @file ItemKNN: an item scores by its similarity to the user's items, over each item's nearest neighbours.
 *
 * B. Sarwar et al., "Item-Based Collaborative Filtering Recommendation Algorithms", WWW 2001, with the shrinkage and the
 * weightings of M. Ferrari Dacrema et al., "Are We Really Making Much Progress?", RecSys 2019.
 *
 * ```
 * s_ij = x_i · x_j / (||x_i|| ||x_j|| + shrinkage),  the `numNeighbours` highest i of each j
 * score(u, j) = Σ_i x_ui s_ij
 * ```
 *
 * x_i is item i's column of X, whose entries are the strengths s (1 without strengths). Before the similarity they may be
 * weighted by users, a user with n items among N counting `idf = ln(N / (1 + n))`, at least 0:
 * - `tfIdf`: √s · idf
 * - `bm25`: s (k₁ + 1) / (s + k₁ (1 - b + b |x_j| / mean |x|)) · idf, with k₁ = 1.2, b = 0.8
 *
 * Shapes: M users, N items.
 */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { encodeModel, malformedWeights, type ModelFiles, weightsOf } from "../nn/model-files.js";
import { type CsrMatrix, csrFromPlaces, transposed } from "../nn/sparse.js";
import { topK } from "../nn/top-k.js";
import {
  decodeRows,
  encodeRows,
  ItemWeightsRecommender,
  list,
  type UserRows,
  userRows,
} from "./item-weights.js";
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

export const ITEM_KNN_ALGORITHM = "ItemKNN";

const BM25 = { k1: 1.2, b: 0.8 };
/** Items between two chances for other work. */
const YIELD_AFTER_ITEMS = 200;

export interface ItemKnnConfig {
  /** Similar items kept for each item. Default: 100. */
  numNeighbours: number;
  /** Added to the denominator: lowers the similarity of items with few users. Default: 10. */
  shrinkage: number;
  /** Of the entries of X before the similarity. Default: `none`. */
  weighting: "none" | "tfIdf" | "bm25";
}

export const defaultItemKnnConfig: ItemKnnConfig = {
  numNeighbours: 100,
  shrinkage: 10,
  weighting: "none",
};

interface ItemKnnState {
  /** `s_ij` in row j: each item's neighbours. */
  neighbours: CsrMatrix;
  /** The same in row i: what an interaction with item i adds. */
  additions: CsrMatrix;
  rows: UserRows;
}

export class ItemKnn extends ItemWeightsRecommender implements Recommender {
  readonly algorithm = ITEM_KNN_ALGORITHM;
  readonly config: ItemKnnConfig;
  private state: ItemKnnState | null = null;

  constructor(config: Partial<ItemKnnConfig> = {}) {
    super();
    this.config = { ...defaultItemKnnConfig, ...config };
  }

  get numItems(): number {
    return this.trained.neighbours.shape[0];
  }

  /** Computes all similarities at once. */
  async fit(data: RankingData, { signal }: FitOptions = {}): Promise<FitReport> {
    assertRankingData("ItemKnn.fit", data);
    signal?.throwIfAborted();
    this.use(await itemNeighbours(data, this.config, signal), userRows(data));
    const recall = await validationRecall(data, user => this.score(user));
    return { epoch: 1, validationRecall: recall };
  }

  similarItems(itemIndex: number, k: number): ScoredItem[] {
    const { rowStarts, columns, values } = this.trained.neighbours;
    const scores = new Float32Array(this.numItems);
    for (let e = rowStarts[itemIndex]; e < rowStarts[itemIndex + 1]; e++) {
      scores[columns[e]] = values[e];
    }
    return bestItems(scores, k, item => item === itemIndex);
  }

  toFiles(): ModelFiles {
    const { algorithm, config } = this;
    const { neighbours, rows } = this.trained;
    const tensors = {
      neighbourStarts: list(neighbours.rowStarts),
      neighbours: list(neighbours.columns),
      similarities: list(neighbours.values),
      ...encodeRows(rows),
    };
    const metadata = { algorithm, config: JSON.stringify(config) };
    return encodeModel({ tensors, metadata }, { algorithm, config });
  }

  /** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  static fromFiles(files: ModelFiles): ItemKnn {
    const { tensors, metadata } = weightsOf(files);
    if (metadata.algorithm !== ITEM_KNN_ALGORITHM) {
      throw malformedWeights("an ItemKNN model", `it is of '${metadata.algorithm}'`);
    }
    const model = new ItemKnn(JSON.parse(metadata.config) as ItemKnnConfig); // written by toFiles
    const N = tensors.neighbourStarts.values.length - 1;
    const neighbours: CsrMatrix = {
      shape: [N, N],
      rowStarts: Int32Array.from(tensors.neighbourStarts.values),
      columns: Int32Array.from(tensors.neighbours.values),
      values: Float32Array.from(tensors.similarities.values),
    };
    model.use(neighbours, decodeRows(tensors));
    return model;
  }

  dispose(): void {
    this.state = null;
  }

  protected get rows(): UserRows {
    return this.trained.rows;
  }

  protected product(items: ArrayLike<number>, strengths: ArrayLike<number>): Float32Array {
    const { rowStarts, columns, values } = this.trained.additions;
    const scores = new Float32Array(this.numItems);
    for (let n = 0; n < items.length; n++) {
      for (let e = rowStarts[items[n]]; e < rowStarts[items[n] + 1]; e++) {
        scores[columns[e]] += strengths[n] * values[e];
      }
    }
    return scores;
  }

  private use(neighbours: CsrMatrix, rows: UserRows): void {
    this.state = { neighbours, additions: transposed(neighbours), rows };
  }

  private get trained(): ItemKnnState {
    if (!this.state) {
      throw new Error("ItemKnn: expected a trained model; call fit or load first");
    }
    return this.state;
  }
}

/** Each item's nearest neighbours and their similarities, in its row; `[N, N]` sparse. */
export async function itemNeighbours(
  data: RankingData,
  config: ItemKnnConfig,
  signal?: AbortSignal,
): Promise<CsrMatrix> {
  const { numItems: N, train } = data;
  const weights = weighted(data, config.weighting);
  const lengths = new Float64Array(N);
  const users = Array.from({ length: N }, (): { user: number; weight: number }[] => []);
  train.forEach((items, user) =>
    items.forEach((item, n) => {
      const weight = weights[user][n];
      lengths[item] += weight ** 2;
      users[item].push({ user, weight });
    }),
  );
  const norms = lengths.map(Math.sqrt);
  const [rows, columns, values]: [number[], number[], number[]] = [[], [], []];
  const products = new Float64Array(N);
  for (let j = 0; j < N; j++) {
    if (j % YIELD_AFTER_ITEMS === 0) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
    }
    products.fill(0);
    for (const { user, weight } of users[j]) {
      const items = train[user];
      for (let n = 0; n < items.length; n++) {
        products[items[n]] += weight * weights[user][n];
      }
    }
    const similarities = products.map((product, i) =>
      product > 0 ? product / (norms[i] * norms[j] + config.shrinkage) : 0,
    );
    for (const i of topK(similarities, config.numNeighbours, item => item === j)) {
      if (similarities[i] > 0) {
        rows.push(j);
        columns.push(i);
        values.push(similarities[i]);
      }
    }
  }
  const places = {
    rows: Int32Array.from(rows),
    columns: Int32Array.from(columns),
    values: Float32Array.from(values),
  };
  return csrFromPlaces(places, [N, N]);
}

/** The entries of X before the similarity, in the order of `train`. */
function weighted(
  { train, strengths, numItems: N }: RankingData,
  weighting: ItemKnnConfig["weighting"],
): readonly (readonly number[])[] {
  const strengthOf = (user: number, n: number) => strengths?.[user][n] ?? 1;
  const sums = new Float64Array(N);
  train.forEach((items, user) => items.forEach((item, n) => (sums[item] += strengthOf(user, n))));
  const mean = sums.reduce((total, sum) => total + sum, 0) / N;
  return train.map((items, user) => {
    const idf = Math.max(0, Math.log(N / (1 + items.length)));
    return Array.from(items, (item, n) => {
      const s = strengthOf(user, n);
      switch (weighting) {
        case "none":
          return s;
        case "tfIdf":
          return Math.sqrt(s) * idf;
        case "bm25": {
          const length = 1 - BM25.b + (BM25.b * sums[item]) / mean;
          return s > 0 ? ((s * (BM25.k1 + 1)) / (s + BM25.k1 * length)) * idf : 0;
        }
      }
    });
  });
}
