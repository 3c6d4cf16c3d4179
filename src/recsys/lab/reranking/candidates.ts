/** @file Each user's first items by a ranking model, and their files. */
import { addScaled, type Matrix, matrix, row } from "../../../ml/nn/matrix.js";
import { topK } from "../../../ml/nn/top-k.js";
import type { Recommender } from "../../../ml/ranking/recommender.js";
import type { Candidates } from "./user-signals.js";

/** A user's first items, without those given. */
export function topCandidates(
  model: Pick<Recommender, "score">,
  exclude: ArrayLike<number>,
  user: number,
  depth: number,
): Candidates {
  const scores = Float32Array.from(model.score(user));
  const mean = scores.reduce((sum, x) => sum + x, 0) / scores.length;
  const variance = scores.reduce((sum, x) => sum + (x - mean) ** 2, 0) / scores.length;
  const deviation = Math.sqrt(variance) || 1;
  for (const item of Array.from(exclude)) {
    scores[item] = NaN;
  }
  const items = Int32Array.from(topK(scores, depth));
  return { items, scores: Float32Array.from(items, item => scores[item] / deviation) };
}

/** The mean of the rows that are not zeros; `[N, E] -> [E]`. */
export function meanRow(features: Matrix): Float32Array {
  const rows = Array.from({ length: features.shape[0] }, (_, item) => row(features, item));
  const given = rows.filter(feature => present(feature) !== null);
  const mean = new Float32Array(features.shape[1]);
  given.forEach(feature => addScaled(mean, feature, 1 / given.length));
  return mean;
}

/** Null for an item without an image, whose row is zeros. */
export function present(feature: Float32Array): Float32Array | null {
  return feature.some(value => value !== 0) ? feature : null;
}

/** What a fitted model says of every user. */
export interface ModelCandidates {
  candidates: Candidates[];
  /** ∂score/∂v of each user `[M, E]`; null where the model is not linear in the image. */
  gradients: Matrix | null;
}

/** Numbers as base64 of their bytes. */
export interface StoredCandidates {
  numItems: number[];
  items: string;
  scores: string;
  gradients: { size: number; values: string } | null;
}

export function encodeCandidates({ candidates, gradients }: ModelCandidates): StoredCandidates {
  const items = Int32Array.from(candidates.flatMap(own => [...own.items]));
  const scores = Float32Array.from(candidates.flatMap(own => [...own.scores]));
  return {
    numItems: candidates.map(own => own.items.length),
    items: base64(items),
    scores: base64(scores),
    gradients: gradients && { size: gradients.shape[1], values: base64(gradients.values) },
  };
}

export function decodeCandidates({ gradients, ...stored }: StoredCandidates): ModelCandidates {
  const items = new Int32Array(bytesOf(stored.items));
  const scores = new Float32Array(bytesOf(stored.scores));
  let from = 0;
  const candidates = stored.numItems.map(count => {
    const [start, end] = [from, (from += count)];
    return { items: items.slice(start, end), scores: scores.slice(start, end) };
  });
  const values = gradients && new Float32Array(bytesOf(gradients.values));
  const shape = gradients && [stored.numItems.length, gradients.size];
  return { candidates, gradients: shape && values && matrix(shape as [number, number], values) };
}

function base64({ buffer, byteLength, byteOffset }: Int32Array | Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

function bytesOf(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, "base64")).buffer;
}
