/** @file The common part of ranking models with one vector per user and per item: `ρ = u · i`. */
import { type Matrix, row } from "../nn/matrix.js";
import type { Recommender, ScoredItem, Viewer } from "./recommender.js";
import { bestItems, foldInVector, itemScores, nearestItems } from "./vector-scores.js";

export interface UserItemVectors {
  /** `[M, D]`. */
  userVectors: Matrix;
  /** `[N, D]`. */
  itemVectors: Matrix;
}

/** Whether all scores of a model are the dot products of vectors of users and items. */
export function hasVectors(
  model: Recommender,
): model is Recommender & { readonly allVectors: UserItemVectors } {
  return (model as { allVectors?: UserItemVectors }).allVectors !== undefined;
}

export abstract class VectorRecommender {
  abstract readonly algorithm: string;

  /** @throws Error before `fit` or `load`. */
  protected abstract get trained(): UserItemVectors;

  get numUsers(): number {
    return this.trained.userVectors.shape[0];
  }

  get numItems(): number {
    return this.trained.itemVectors.shape[0];
  }

  /** All vectors, for scoring many users at once, where their products are the scores; shared, not copied. */
  get allVectors(): UserItemVectors | undefined {
    return this.trained;
  }

  score(userIndex: number): Float32Array {
    return itemScores(this.userVectorOf({ userIndex }), this.trained.itemVectors);
  }

  scoreHistory(itemIndices: readonly number[], strengths?: readonly number[]): Float32Array {
    const viewer = { history: itemIndices, strengths };
    return itemScores(this.userVectorOf(viewer), this.trained.itemVectors);
  }

  recommend(userIndex: number, k: number, exclude?: ReadonlySet<number>): ScoredItem[] {
    return bestItems(this.score(userIndex), k, exclude && (item => exclude.has(item)));
  }

  similarItems(itemIndex: number, k: number): ScoredItem[] {
    return nearestItems(itemIndex, k, this.trained.itemVectors);
  }

  /** The vector whose dot product with an item's is the score; `[D]`. */
  userVectorOf(viewer: Viewer): Float32Array {
    const { userVectors, itemVectors } = this.trained;
    if ("history" in viewer) {
      return foldInVector(viewer.history, itemVectors, viewer.strengths);
    }
    const [M] = userVectors.shape;
    if (!(viewer.userIndex >= 0 && viewer.userIndex < M)) {
      throw new Error(
        `${this.algorithm}: expected a user index below ${M}, got ${viewer.userIndex}`,
      );
    }
    return row(userVectors, viewer.userIndex);
  }
}
