/**
 * @file The common part of ranking models that score by weights between items: `scores = x S`, x the row of a user's
 * items. A user outside of training is scored as exactly as one of it.
 *
 * Shapes: M users, N items.
 */
import type { StoredTensor } from "../nn/safetensors.js";
import type { RankingData, ScoredItem } from "./recommender.js";
import { bestItems } from "./vector-scores.js";

/** The items that each user chose, in one list by user. */
export interface UserRows {
  /** `[M + 1]`: user u's entries are `starts[u]` up to `starts[u + 1]`. */
  starts: Int32Array;
  items: Int32Array;
  strengths: Float32Array;
}

/** The rows of the training data; a strength is 1 where there are none. */
export function userRows({ train, strengths }: RankingData): UserRows {
  const starts = new Int32Array(train.length + 1);
  train.forEach((items, user) => (starts[user + 1] = starts[user] + items.length));
  const rows: UserRows = {
    starts,
    items: new Int32Array(starts[train.length]),
    strengths: new Float32Array(starts[train.length]).fill(1),
  };
  train.forEach((items, user) => {
    rows.items.set(items, starts[user]);
    if (strengths) {
      rows.strengths.set(strengths[user], starts[user]);
    }
  });
  return rows;
}

/** Rows as tensors of a model's file. */
export function encodeRows({ starts, items, strengths }: UserRows): Record<string, StoredTensor> {
  return { starts: list(starts), items: list(items), strengths: list(strengths) };
}

/** What {@link encodeRows} gave. */
export function decodeRows(tensors: Readonly<Record<string, StoredTensor>>): UserRows {
  return {
    starts: Int32Array.from(tensors.starts.values),
    items: Int32Array.from(tensors.items.values),
    strengths: Float32Array.from(tensors.strengths.values),
  };
}

/** A list as a tensor of one dimension. */
export function list(values: Float32Array | Int32Array): StoredTensor {
  return { shape: [values.length], values };
}

export abstract class ItemWeightsRecommender {
  abstract readonly algorithm: string;
  abstract readonly numItems: number;

  /** @throws Error before `fit` or `load`. */
  protected abstract get rows(): UserRows;

  /** `x S` for the items of x and their strengths; `[N]`. */
  protected abstract product(items: ArrayLike<number>, strengths: ArrayLike<number>): Float32Array;

  get numUsers(): number {
    return this.rows.starts.length - 1;
  }

  score(userIndex: number): Float32Array {
    const { starts, items, strengths } = this.rows;
    const M = this.numUsers;
    if (!(userIndex >= 0 && userIndex < M)) {
      throw new Error(`${this.algorithm}: expected a user index below ${M}, got ${userIndex}`);
    }
    const [start, end] = [starts[userIndex], starts[userIndex + 1]];
    return this.product(items.subarray(start, end), strengths.subarray(start, end));
  }

  /** `x S`, exact for any user; strengths are divided by their mean. */
  scoreHistory(itemIndices: readonly number[], strengths?: readonly number[]): Float32Array {
    return this.product(itemIndices, meanOne(itemIndices.length, strengths));
  }

  recommend(userIndex: number, k: number, exclude?: ReadonlySet<number>): ScoredItem[] {
    return bestItems(this.score(userIndex), k, exclude && (item => exclude.has(item)));
  }
}

/** Strengths divided by their mean, as training has them; ones without strengths, zeros where all are zero. */
export function meanOne(length: number, strengths?: readonly number[]): Float32Array {
  if (!strengths) {
    return new Float32Array(length).fill(1);
  }
  const total = strengths.reduce((sum, strength) => sum + strength, 0);
  return Float32Array.from(strengths, strength => (total > 0 ? (strength * length) / total : 0));
}
