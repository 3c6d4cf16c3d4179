/**
 * @file What if an item had another picture? (RAGAR, eq. 13, for a ranking model that is not sequential.)
 *
 * The feature `f` of one item N is replaced. Its row of both item graphs of that modality is made anew, then E_m,N, h_N and
 * i_N; everything else stays as trained, other items' degrees and neighbours included:
 *
 * ```
 * s_Nj   = cos(f', f_j), the highest `numNeighbours`, N itself (1) among them;  d_N = Σ_j s_Nj
 * A_Nj   = d_N^(-1/2) s_Nj d_j^(-1/2)
 * E_m,N  = Σ_j [(1 - λ) A_Nj^learned + λ A_Nj^raw] X_j
 * i_N    = Ī_N + h_N / ||h_N||,   ρ = u · i_N
 * ```
 *
 * Raw features are trained on, so the learned graph sees `f + Δ_N`; the correction Δ_N stays with the item. Its projection
 * is linear: `z' = z + (f' - f) W`, so with the item's own feature the score is the trained one.
 *
 * Shapes: N items, D embedding size, F length of a raw feature.
 */
import { addScaled, dot, type Matrix, matrix, normalizedRows, row } from "../nn/shape.js";
import { sparseProduct } from "../nn/sparse.js";
import { topK } from "../nn/top-k.js";
import type { DenseKernels } from "./dense-kernels.js";
import { inverseRoot, itemGraph, mixedGraph } from "./item-graph.js";
import type { MicroConfig } from "./micro-config.js";
import type { MicroState, ModalityState } from "./micro-state.js";
import { fusion, softmaxInPlace } from "./modality-fusion.js";
import { itemScores } from "./vector-scores.js";

/** The item whose feature is replaced, in which modality. */
export interface WhatIfTarget {
  itemIndex: number;
  /** Name of the modality, as it was trained. */
  modality: string;
}

/** Unit rows of features, made once for each matrix: they cost as much as a candidate. */
const directions = new WeakMap<Matrix, Matrix>();

/** i_N with each of the candidate features `[F]` in turn; one vector `[D]` for each. */
export function whatIfVectors(
  state: MicroState,
  config: MicroConfig,
  target: WhatIfTarget,
  candidates: readonly Float32Array[],
): Float32Array[] {
  const modality = modalityOf(state, target.modality);
  const F = modality.features.shape[1];
  return candidates.map(candidate => {
    if (candidate.length !== F) {
      throw new Error(`whatIfVectors: expected features of length ${F}, got ${candidate.length}`);
    }
    const view = viewRow(state, config, modality, { ...target, candidate });
    const views = state.modalities.map(other =>
      other === modality ? view : row(other.views, target.itemIndex),
    );
    return itemVector(state, target.itemIndex, views);
  });
}

/** E_m,N for a new feature `[F]`. */
function viewRow(
  { items }: MicroState,
  { numNeighbours, rawWeight }: MicroConfig,
  { features, rawDegrees, learned }: ModalityState,
  { itemIndex, candidate }: { itemIndex: number; candidate: Float32Array },
): Float32Array {
  const view = new Float32Array(items.shape[1]);
  const isPresent = candidate.some(value => value !== 0);
  if (!isPresent) {
    return view;
  }
  const place = { itemIndex, numNeighbours, items };
  addGraphRow(view, { features, degrees: rawDegrees }, candidate, {
    ...place,
    weight: learned ? rawWeight : 1,
  });
  if (learned) {
    const feature = row(learned.features, itemIndex).slice();
    const before = row(features, itemIndex);
    for (let f = 0; f < candidate.length; f++) {
      addScaled(feature, row(learned.weight, f), candidate[f] - before[f]);
    }
    addGraphRow(view, learned, feature, { ...place, weight: 1 - rawWeight });
  }
  return view;
}

/** Adds `weight · Σ_j A_Nj X_j`. */
function addGraphRow(
  target: Float32Array,
  { features, degrees }: { features: Matrix; degrees: Float32Array },
  candidate: Float32Array,
  place: { itemIndex: number; numNeighbours: number; items: Matrix; weight: number },
): void {
  const { itemIndex, numNeighbours, items, weight } = place;
  const length = Math.sqrt(dot(candidate, candidate));
  const similarities = itemScores(candidate, directionsOf(features));
  const others = topK(
    similarities,
    numNeighbours - 1,
    index => index === itemIndex || similarities[index] <= 0,
  );
  const neighbours = others.map(index => ({ index, similarity: similarities[index] / length }));
  const degree = neighbours.reduce((sum, { similarity }) => sum + similarity, 1);
  const root = inverseRoot(degree);
  addScaled(target, row(items, itemIndex), weight * root * root); // N itself, at similarity 1
  for (const { index, similarity } of neighbours) {
    const normalized = root * similarity * inverseRoot(degrees[index]);
    addScaled(target, row(items, index), weight * normalized);
  }
}

/** `Ī_N + h_N / ||h_N||` of the item's row in every modality. */
function itemVector(
  { baseItems, fusion: { weight, bias, query } }: MicroState,
  itemIndex: number,
  views: readonly Float32Array[],
): Float32Array {
  const attention = Float32Array.from(views, view => {
    const hidden = bias.slice();
    view.forEach((value, d) => addScaled(hidden, row(weight, d), value));
    return dot(hidden.map(Math.tanh), query);
  });
  softmaxInPlace(attention);
  const fused = matrix([1, baseItems.shape[1]]);
  views.forEach((view, m) => addScaled(fused.values, view, attention[m]));
  const vector = row(baseItems, itemIndex).slice();
  addScaled(vector, normalizedRows(fused).values, 1);
  return vector;
}

/**
 * All item vectors with the feature replaced and both graphs of the modality rebuilt whole: what {@link whatIfVectors}
 * approximates, at the cost of a rebuild. `[N, D]`.
 */
export async function exactWhatIfVectors(
  state: MicroState,
  { numNeighbours, rawWeight }: MicroConfig,
  target: WhatIfTarget & { candidate: Float32Array },
  kernels: DenseKernels,
): Promise<Matrix> {
  const modality = modalityOf(state, target.modality);
  const { itemIndex, candidate } = target;
  const before = row(modality.features, itemIndex);
  const features = withRow(modality.features, itemIndex, candidate);
  const raw = (await itemGraph(features, numNeighbours, kernels)).normalized;
  let mixed = raw;
  if (modality.learned) {
    const feature = row(modality.learned.features, itemIndex).slice();
    candidate.forEach((value, f) => {
      addScaled(feature, row(modality.learned!.weight, f), value - before[f]);
    });
    const learned = withRow(modality.learned.features, itemIndex, feature);
    const graph = await itemGraph(learned, numNeighbours, kernels);
    mixed = mixedGraph(graph.normalized, raw, rawWeight);
  }
  const views = state.modalities.map(other =>
    other === modality ? sparseProduct(mixed, state.items) : other.views,
  );
  const { fused } = await fusion(views, state.fusion, kernels);
  const vectors = normalizedRows(fused);
  addScaled(vectors.values, state.baseItems.values, 1);
  return vectors;
}

function withRow({ shape, values }: Matrix, index: number, replacement: Float32Array): Matrix {
  const result = matrix(shape, values.slice());
  row(result, index).set(replacement);
  return result;
}

function modalityOf({ modalities }: MicroState, name: string): ModalityState {
  const modality = modalities.find(candidate => candidate.name === name);
  if (!modality) {
    const known = modalities.map(candidate => candidate.name).join(", ");
    throw new Error(`whatIfVectors: expected a modality of ${known}, got '${name}'`);
  }
  return modality;
}

function directionsOf(features: Matrix): Matrix {
  let result = directions.get(features);
  if (!result) {
    result = normalizedRows(features);
    directions.set(features, result);
  }
  return result;
}
