/**
 * @file What if an item had another image? The same question as `what-if.ts`, for FREEDOM.
 *
 * FREEDOM's item graph is frozen and binary. Only item N's row of one modality's graph changes; other items' rows,
 * degrees and sources stay as trained:
 *
 * ```
 * row_m(f)  = Σ_j (d d_j)^(-1/2) x_j   over the nearest `numNeighbours` of f, including N itself; d is their number
 * i_N       = i_N as trained + w_m (row_m(f') - row_m(f)),   x = S^(L-1) X,   ρ = u · i_N
 * ```
 *
 * With one item layer (the default) this equals a full rebuild: every other item keeps `numNeighbours` neighbours, so
 * its degree does not change. With more layers x is frozen, which is an approximation.
 *
 * Shapes: N items, D embedding size, F length of a raw feature.
 */
import { addScaled, type Matrix, row } from "../nn/matrix.js";
import { featureNeighbours } from "./feature-neighbours.js";
import type { FreedomConfig } from "./freedom-config.js";
import { graphWeights } from "./freedom-graphs.js";
import { inverseRoot } from "./item-graph.js";
import type { WhatIfTarget } from "./recommender.js";
import type { UserItemVectors } from "./vector-recommender.js";

export interface FrozenModality {
  name: string;
  /** The raw features `[N, F]`. */
  features: Matrix;
  /** Number of neighbours of each item in this modality's graph `[N]`. */
  degrees: Float32Array;
}

export interface FreedomState extends UserItemVectors {
  /** x = S^(L-1) X, multiplied by an item's row of S; `[N, D]`. */
  sources: Matrix;
  modalities: readonly FrozenModality[];
}

/**
 * `Σ_j (d d_j)^(-1/2) x_j` for each feature; `[D]` each. Zeros for a feature of zeros, which has no neighbours.
 *
 * @param itemIndex The features' item; -1 for an item outside the graph, which has no source of its own.
 */
export function graphRows(
  sources: Matrix,
  { features, degrees }: FrozenModality,
  { numNeighbours, itemIndex }: { numNeighbours: number; itemIndex: number },
  candidates: readonly Float32Array[],
): Float32Array[] {
  const found = featureNeighbours(candidates, features, numNeighbours - 1, itemIndex);
  return candidates.map((candidate, c) => {
    const sum = new Float32Array(sources.shape[1]);
    if (candidate.every(value => value === 0)) {
      return sum;
    }
    const root = inverseRoot(found[c].length + 1); // the item is one of its own neighbours
    if (itemIndex >= 0) {
      addScaled(sum, row(sources, itemIndex), root * root);
    }
    for (const { index } of found[c]) {
      addScaled(sum, row(sources, index), root * inverseRoot(degrees[index]));
    }
    return sum;
  });
}

/** i_N with each of the candidate features `[F]` in place of its own; `[D]` each. @throws Error */
export function freedomWhatIfVectors(
  { itemVectors, modalities, sources }: FreedomState,
  { modalityWeights, numItemLayers, numNeighbours }: FreedomConfig,
  { itemIndex, modality: name }: WhatIfTarget,
  candidates: readonly Float32Array[],
): Float32Array[] {
  const modality = assertFeatures(modalities, name, candidates);
  const weight = graphWeights(modalities, modalityWeights)[modalities.indexOf(modality)];
  const own = row(modality.features, itemIndex);
  const scope = { numNeighbours, itemIndex };
  const [before, ...rows] =
    numItemLayers === 0 ? [] : graphRows(sources, modality, scope, [own, ...candidates]);
  return candidates.map((_, c) => {
    const vector = row(itemVectors, itemIndex).slice();
    if (before) {
      addScaled(vector, rows[c], weight);
      addScaled(vector, before, -weight);
    }
    return vector;
  });
}

/** The modality of this name. @throws Error unless it exists and the features have its length. */
export function assertFeatures(
  modalities: readonly FrozenModality[],
  name: string,
  candidates: readonly Float32Array[],
): FrozenModality {
  const modality = modalities.find(other => other.name === name);
  const wrong = candidates.find(({ length }) => length !== modality?.features.shape[1]);
  if (!modality || wrong) {
    const known = modalities.map(m => `${m.name} [${m.features.shape[1]}]`).join(", ");
    const got = `${name} [${wrong?.length ?? "?"}]`;
    throw new Error(`Freedom: expected features of ${known}, got ${got}`);
  }
  return modality;
}
