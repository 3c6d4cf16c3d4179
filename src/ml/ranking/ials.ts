/**
 * @file iALS: matrix factorization of implicit feedback by alternating least squares.
 *
 * Y. Hu, Y. Koren, C. Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, with the loss,
 * regularization and initialization of S. Rendle et al., "Revisiting the Performance of iALS on Item Recommendation
 * Benchmarks", RecSys 2022. https://arxiv.org/abs/2110.14037
 *
 * ```
 * L = Σ_{(u,i) chosen} s_ui (u·i - 1)² + α Σ_{u,i} (u·i)² + λ (Σ_u f_u ||u||² + Σ_i f_i ||i||²)
 * f_u = (n_u + α N)^ν,  f_i = (n_i + α M)^ν
 * ```
 *
 * - s_ui is the interaction's strength (1 without strengths): a stronger one must be met more closely.
 * - An epoch solves for all items given the users, then for all users given the items. So a user of training is the exact
 *   solution for their items, and so is a user outside of training (fold-in).
 *
 * Notation (name here -> symbol): unobservedWeight -> α, l2Weight -> λ, frequencyExponent -> ν.
 *
 * Shapes: M users, N items, D embedding size.
 */
import { type Matrix, matrix, row } from "../nn/matrix.js";
import { encodeModel, malformedWeights, type ModelFiles, weightsOf } from "../nn/model-files.js";
import { Random } from "../nn/random.js";
import { meanOne } from "./item-weights.js";
import {
  chosenBy,
  gramOf,
  type LeastSquares,
  solveRows,
  solveVector,
  squaredLoss,
} from "./least-squares.js";
import {
  assertRankingData,
  type FitOptions,
  type FitReport,
  type LossTerms,
  type RankingData,
  type Recommender,
  type Schedule,
  type Viewer,
} from "./recommender.js";
import {
  type EpochHooks,
  fitEpochs,
  runBatches,
  type Trainee,
  trainingFingerprint,
} from "./training-loop.js";
import { type UserItemVectors, VectorRecommender } from "./vector-recommender.js";
import { itemScores } from "./vector-scores.js";

export const IALS_ALGORITHM = "iALS";

/** Vectors solved between two chances for other work. */
const BATCH_ROWS = 128;

/** By default up to 30 epochs, each validated, patience 4. */
export interface IalsConfig extends Schedule {
  /** Size of a user's and an item's vector. Default: 64. */
  embeddingSize: number;
  /** Weight of every pair of user and item, beside the 1 of a chosen one. Default: 0.1. */
  unobservedWeight: number;
  /** Weight of the squared norms. Default: 0.02. */
  l2Weight: number;
  /** How fast the regularization grows with the number of interactions; 0 is the same for all. Default: 1. */
  frequencyExponent: number;
  /** Expected length of an initial vector. Default: 0.1. */
  initialScale: number;
  /** Seed of the initial vectors. Default: 123. */
  seed: number;
}

export const defaultIalsConfig: IalsConfig = {
  embeddingSize: 64,
  unobservedWeight: 0.1,
  l2Weight: 0.02,
  frequencyExponent: 1,
  initialScale: 0.1,
  numEpochs: 30,
  validateEvery: 1,
  patience: 4,
  seed: 123,
};

export class Ials extends VectorRecommender implements Recommender {
  readonly algorithm = IALS_ALGORITHM;
  readonly config: IalsConfig;
  private vectors: UserItemVectors | null = null;
  private itemGram: Float64Array | null = null;

  constructor(config: Partial<IalsConfig> = {}) {
    super();
    this.config = { ...defaultIalsConfig, ...config };
  }

  async fit(data: RankingData, options: FitOptions = {}): Promise<FitReport> {
    assertRankingData("Ials.fit", data);
    const training = createTraining(data, this.config);
    const fingerprint = trainingFingerprint(this.config, data);
    const report = await fitEpochs(training, data, { ...this.config, fingerprint }, options);
    this.use(training.vectors);
    return report;
  }

  /** For a history: the solution of its normal equations, as for a user of training. */
  override userVectorOf(viewer: Viewer): Float32Array {
    if (!("history" in viewer)) {
      return super.userVectorOf(viewer);
    }
    const { history, strengths } = viewer;
    const { itemVectors } = this.trained;
    this.itemGram ??= gramOf(itemVectors);
    const weights = meanOne(history.length, strengths);
    const chosen = { items: Int32Array.from(history), weights };
    return solveVector(chosen, itemVectors, {
      ...this.config,
      gram: this.itemGram,
    });
  }

  toFiles(): ModelFiles {
    const { algorithm, config, trained } = this;
    const tensors = { users: trained.userVectors, items: trained.itemVectors };
    const metadata = { algorithm, seed: String(config.seed), config: JSON.stringify(config) };
    return encodeModel({ tensors, metadata }, { algorithm, config });
  }

  /** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  static fromFiles(files: ModelFiles): Ials {
    const { tensors, metadata } = weightsOf(files);
    if (metadata.algorithm !== IALS_ALGORITHM) {
      throw malformedWeights("an iALS model", `it is of '${metadata.algorithm}'`);
    }
    const model = new Ials(JSON.parse(metadata.config) as IalsConfig); // written by toFiles
    const read = ({ shape: [rows, columns], values }: (typeof tensors)[string]) =>
      matrix([rows, columns], values as Float32Array);
    model.use({ userVectors: read(tensors.users), itemVectors: read(tensors.items) });
    return model;
  }

  dispose(): void {
    this.vectors = null;
    this.itemGram = null;
  }

  protected get trained(): UserItemVectors {
    if (!this.vectors) {
      throw new Error("Ials: expected a trained model; call fit or load first");
    }
    return this.vectors;
  }

  private use(vectors: UserItemVectors): void {
    this.vectors = vectors;
    this.itemGram = null;
  }
}

function createTraining(
  data: RankingData,
  config: IalsConfig,
): Trainee & { vectors: UserItemVectors } {
  const { numUsers: M, numItems: N } = data;
  const { embeddingSize: D, initialScale, unobservedWeight } = config;
  const random = new Random(config.seed);
  const initial = (rows: number, label: string): Matrix =>
    matrix(
      [rows, D],
      random
        .fork(label)
        .normals(rows * D)
        .map(value => (value * initialScale) / Math.sqrt(D)),
    );
  const users = initial(M, "users");
  const items = initial(N, "items");
  const byUser = chosenBy(data, "user");
  const byItem = chosenBy(data, "item");
  const solveAll = async (
    targets: Matrix,
    chosen: typeof byUser,
    others: Matrix,
    hooks: EpochHooks,
  ) => {
    const system: LeastSquares = { ...config, gram: gramOf(others) };
    const starts: number[] = [];
    for (let start = 0; start < targets.shape[0]; start += BATCH_ROWS) {
      starts.push(start);
    }
    await runBatches(starts, starts.length, hooks, start => {
      const end = Math.min(targets.shape[0], start + BATCH_ROWS);
      solveRows(targets, [start, end], { chosen, others, system });
      return {};
    });
  };
  return {
    algorithm: IALS_ALGORITHM,
    parameters: { users: users.values, items: items.values },
    vectors: { userVectors: users, itemVectors: items },
    score: userIndex => itemScores(row(users, userIndex), items),
    async refresh() {
      // Scores use the parameters themselves.
    },
    async runEpoch(_epoch, { signal, onBatch }): Promise<LossTerms> {
      const [ofItems, ofUsers] = [N, M].map(rows => Math.ceil(rows / BATCH_ROWS));
      const count = ofItems + ofUsers;
      const hooks = (before: number): EpochHooks => ({
        signal,
        onBatch: batch => onBatch?.(before + batch, count),
      });
      await solveAll(items, byItem, users, hooks(0));
      await solveAll(users, byUser, items, hooks(ofItems));
      const loss = squaredLoss({ users, items }, { byUser, byItem }, config);
      const pairs = M * N * unobservedWeight || 1;
      const { squared, l2 } = { squared: loss.squared / pairs, l2: loss.l2 / pairs };
      return { squared, l2, total: squared + l2 };
    },
  };
}
