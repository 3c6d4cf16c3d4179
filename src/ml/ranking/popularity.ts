/** @file The unpersonalized baseline: an item's score is the sum of its interactions' strengths, 1 each by default. */
import { encodeModel, type ModelFiles, weightsOf } from "../nn/model-files.js";
import {
  assertRankingData,
  type FitOptions,
  type FitReport,
  type RankingData,
  type Recommender,
  type ScoredItem,
} from "./recommender.js";
import { bestItems } from "./vector-scores.js";

export const POPULARITY_ALGORITHM = "popularity";

export class Popularity implements Recommender {
  readonly algorithm = POPULARITY_ALGORITHM;
  numUsers = 0;
  private counts = new Float32Array(0);

  get numItems(): number {
    return this.counts.length;
  }

  async fit(data: RankingData, { signal }: FitOptions = {}): Promise<FitReport> {
    signal?.throwIfAborted();
    assertRankingData("Popularity.fit", data);
    this.numUsers = data.numUsers;
    this.counts = new Float32Array(data.numItems);
    data.train.forEach((items, user) => {
      items.forEach((item, n) => (this.counts[item] += data.strengths?.[user][n] ?? 1));
    });
    return { epoch: 1, validationRecall: null };
  }

  /** The same for all users. */
  score(userIndex: number): Float32Array {
    if (!(userIndex >= 0 && userIndex < this.numUsers)) {
      throw new Error(`Popularity: expected a user index below ${this.numUsers}, got ${userIndex}`);
    }
    return this.counts.slice();
  }

  scoreHistory(): Float32Array {
    return this.counts.slice();
  }

  recommend(userIndex: number, k: number, exclude?: ReadonlySet<number>): ScoredItem[] {
    return bestItems(this.score(userIndex), k, exclude && (item => exclude.has(item)));
  }

  /** The most popular other items: this model has no similarity. */
  similarItems(itemIndex: number, k: number): ScoredItem[] {
    return bestItems(this.counts, k, item => item === itemIndex);
  }

  toFiles(): ModelFiles {
    const { algorithm, counts, numUsers } = this;
    const tensors = { counts: { shape: [counts.length], values: counts } };
    const metadata = { algorithm, numUsers: String(numUsers) };
    return encodeModel({ tensors, metadata }, { algorithm });
  }

  /** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
  static fromFiles(files: ModelFiles): Popularity {
    const { tensors, metadata } = weightsOf(files);
    const model = new Popularity();
    model.numUsers = Number(metadata.numUsers);
    model.counts = Float32Array.from(tensors.counts.values);
    return model;
  }

  dispose(): void {
    // Owns only an array.
  }
}
