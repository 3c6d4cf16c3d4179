/**
 * @file What if an item had another image? (RAGAR, eq. 13, for a ranking model that is not sequential.)
 *
 * The feature `f` of one item N is replaced. Its row of both item graphs of that modality is recomputed, then E_m,N, h_N
 * and i_N; everything else stays as trained, including other items' degrees and neighbours:
 *
 * ```
 * s_Nj   = cos(f', f_j), the highest `numNeighbours`, including N itself (1);  d_N = Σ_j s_Nj
 * A_Nj   = d_N^(-1/2) s_Nj d_j^(-1/2)
 * E_m,N  = Σ_j [(1 - λ) A_Nj^learned + λ A_Nj^raw] X_j
 * i_N    = Ī_N + h_N / ||h_N||,   ρ = u · i_N
 * ```
 *
 * Raw features are trained, so the learned graph sees `f + Δ_N`; the correction Δ_N stays with the item. Its projection
 * is linear: `z' = z + (f' - f) W`, so the item's own feature gives the trained score.
 *
 * A visual head adds `θ_u · (E f') + β · f'` to ρ, exactly (`micro-head.ts`).
 *
 * The same rows place a new item ({@link newItemVector}).
 *
 * Shapes: N items, D embedding size, F length of a raw feature.
 */
import {
  addScaled,
  dot,
  joinedColumns,
  type Matrix,
  matrix,
  normalizedRows,
  row,
} from "../nn/matrix.js";
import { sparseProduct } from "../nn/sparse.js";
import type { DenseKernels } from "./dense-kernels.js";
import { headVector } from "./feature-head.js";
import { featureNeighbours, type Neighbour } from "./feature-neighbours.js";
import { inverseRoot, itemGraph, mixedGraph } from "./item-graph.js";
import type { MicroConfig } from "./micro-config.js";
import { joined, withHead } from "./micro-head.js";
import type { MicroState, ModalityState } from "./micro-state.js";
import { fusion, softmaxColumnsInPlace } from "./modality-fusion.js";
import type { ItemFeatures, WhatIfTarget } from "./recommender.js";

/** i_N with each of the candidate features `[F]` in turn, and the visual head's part where there is one. */
export function whatIfVectors(
  state: MicroState,
  config: MicroConfig,
  target: WhatIfTarget,
  candidates: readonly Float32Array[],
): Float32Array[] {
  const modality = modalityOf(state, target.modality);
  const { itemIndex } = target;
  assertFeatures(modality, candidates);
  const learned = modality.learned
    ? replacedFeatures(modality, modality.learned, itemIndex, candidates)
    : [];
  const views = viewRows(state, config, modality, { itemIndex, raw: candidates, learned });
  return views.map((view, c) => {
    const rows = state.modalities.map(other =>
      other === modality ? view : row(other.views, itemIndex),
    );
    const vector = itemVector(state, row(state.baseItems, itemIndex), rows);
    const { head } = state;
    return head && head.name !== modality.name
      ? joined(vector, row(head.projected, itemIndex))
      : withHead(vector, head, candidates[c]);
  });
}

/**
 * The vector of a new item, `h / ||h||` with `E_m = Σ_j [(1 - λ) A_j^learned + λ A_j^raw] X_j` over its neighbours: it
 * has neither an embedding nor interactions.
 */
export function newItemVector(
  state: MicroState,
  config: MicroConfig,
  features: ItemFeatures,
): Float32Array {
  const D = state.items.shape[1];
  for (const name of Object.keys(features)) {
    modalityOf(state, name);
  }
  const views = state.modalities.map(modality => {
    const feature = features[modality.name] as Float32Array | undefined;
    if (!feature) {
      return new Float32Array(D);
    }
    assertFeatures(modality, [feature]);
    const learned = modality.learned ? [projected(modality.learned, feature)] : [];
    const row = { itemIndex: -1, raw: [feature], learned };
    return viewRows(state, config, modality, row)[0];
  });
  const vector = itemVector(state, new Float32Array(D), views);
  return withHead(vector, state.head, state.head ? features[state.head.name] : undefined);
}

function assertFeatures({ features }: ModalityState, candidates: readonly Float32Array[]): void {
  const F = features.shape[1];
  for (const candidate of candidates) {
    if (candidate.length !== F) {
      throw new Error(`whatIfVectors: expected features of length ${F}, got ${candidate.length}`);
    }
  }
}

type LearnedGraph = NonNullable<ModalityState["learned"]>;

/** `z + (f' - f) W` for each candidate f'. */
function replacedFeatures(
  { features }: ModalityState,
  learned: LearnedGraph,
  itemIndex: number,
  candidates: readonly Float32Array[],
): Float32Array[] {
  const before = row(features, itemIndex);
  return candidates.map(candidate => {
    const feature = row(learned.features, itemIndex).slice();
    for (let f = 0; f < candidate.length; f++) {
      addScaled(feature, row(learned.weight, f), candidate[f] - before[f]);
    }
    return feature;
  });
}

/** `f W + b`. */
function projected({ weight, bias }: LearnedGraph, feature: Float32Array): Float32Array {
  const result = bias.slice();
  for (let f = 0; f < feature.length; f++) {
    addScaled(result, row(weight, f), feature[f]);
  }
  return result;
}

/** The candidate features of one item, from which its graph rows are computed. */
interface GraphRows {
  /** -1: a new item without an embedding. */
  itemIndex: number;
  raw: readonly Float32Array[];
  /** As the learned graph sees them; empty when graphs are frozen. */
  learned: readonly Float32Array[];
}

/** E_m,N for each candidate. */
function viewRows(
  { items }: MicroState,
  { numNeighbours, rawWeight }: MicroConfig,
  { features, rawDegrees, learned }: ModalityState,
  rows: GraphRows,
): Float32Array[] {
  const views = rows.raw.map(() => new Float32Array(items.shape[1]));
  const { itemIndex } = rows;
  const isPresent = rows.raw.map(feature => feature.some(value => value !== 0));
  const add = (graph: Graph, candidates: readonly Float32Array[], weight: number) => {
    featureNeighbours(candidates, graph.features, numNeighbours - 1, itemIndex).forEach(
      (neighbours, c) => {
        if (isPresent[c]) {
          addGraphRow(views[c], { neighbours, degrees: graph.degrees, itemIndex, items }, weight);
        }
      },
    );
  };
  add({ features, degrees: rawDegrees }, rows.raw, learned ? rawWeight : 1);
  if (learned) {
    add(learned, rows.learned, 1 - rawWeight);
  }
  return views;
}

interface Graph {
  features: Matrix;
  degrees: Float32Array;
}

/** Adds `weight · Σ_j A_Nj X_j`. */
function addGraphRow(
  target: Float32Array,
  {
    neighbours,
    degrees,
    itemIndex,
    items,
  }: { neighbours: Neighbour[]; degrees: Float32Array; itemIndex: number; items: Matrix },
  weight: number,
): void {
  const degree = neighbours.reduce((sum, { similarity }) => sum + similarity, 1);
  const root = inverseRoot(degree);
  if (itemIndex >= 0) {
    addScaled(target, row(items, itemIndex), weight * root * root); // N itself, at similarity 1
  }
  for (const { index, similarity } of neighbours) {
    const normalized = root * similarity * inverseRoot(degrees[index]);
    addScaled(target, row(items, index), weight * normalized);
  }
}

/** `Ī_N + h_N / ||h_N||` of the item's row in every modality. */
function itemVector(
  { fusion: { weight, bias, query } }: MicroState,
  baseItem: Float32Array,
  views: readonly Float32Array[],
): Float32Array {
  const attention = Float32Array.from(views, view => {
    const hidden = bias.slice();
    view.forEach((value, d) => addScaled(hidden, row(weight, d), value));
    return dot(hidden.map(Math.tanh), query);
  });
  softmaxColumnsInPlace(matrix([attention.length, 1], attention));
  const fused = matrix([1, baseItem.length]);
  views.forEach((view, m) => addScaled(fused.values, view, attention[m]));
  const vector = baseItem.slice();
  addScaled(vector, normalizedRows(fused).values, 1);
  return vector;
}

/**
 * All item vectors with the feature replaced and both graphs of the modality rebuilt: the reference for {@link
 * whatIfVectors}, at the cost of a rebuild. `[N, D]`, with
 * the visual head's part behind where there is one.
 */
export async function exactWhatIfVectors(
  state: MicroState,
  config: MicroConfig,
  target: WhatIfTarget & { candidate: Float32Array },
  kernels: DenseKernels,
): Promise<Matrix> {
  const modality = modalityOf(state, target.modality);
  const { itemIndex, candidate } = target;
  const before = row(modality.features, itemIndex);
  const features = withRow(modality.features, itemIndex, candidate);
  const raw = (await itemGraph(features, config, kernels)).normalized;
  let mixed = raw;
  if (modality.learned) {
    const feature = row(modality.learned.features, itemIndex).slice();
    candidate.forEach((value, f) => {
      addScaled(feature, row(modality.learned!.weight, f), value - before[f]);
    });
    const learned = withRow(modality.learned.features, itemIndex, feature);
    const graph = await itemGraph(learned, config, kernels);
    mixed = mixedGraph(graph.normalized, raw, config.rawWeight);
  }
  const views = state.modalities.map(other =>
    other === modality ? sparseProduct(mixed, state.items) : other.views,
  );
  const { fused } = await fusion(views, state.fusion, kernels);
  const vectors = normalizedRows(fused);
  addScaled(vectors.values, state.baseItems.values, 1);
  const { head } = state;
  if (!head) {
    return vectors;
  }
  const projected =
    head.name === modality.name
      ? withRow(head.projected, itemIndex, headVector(head, candidate))
      : head.projected;
  return joinedColumns(vectors, projected);
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
