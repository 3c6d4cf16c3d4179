/**
 * @file The two graphs of FREEDOM: the frozen item graph, and the user-item graph, pruned again in every epoch.
 *
 * Shapes: N items, F length of a modality's raw feature, E interactions.
 */
import type { Random } from "../nn/random.js";
import { type CsrMatrix, weightedSum } from "../nn/sparse.js";
import type { DenseKernels } from "./dense-kernels.js";
import { UNNAMED_WEIGHT, type FreedomConfig } from "./freedom-config.js";
import { itemGraph, normalizedGraph } from "./item-graph.js";
import type { Modality } from "./recommender.js";
import type { Interactions } from "./user-item-graph.js";

export interface FrozenItemGraph {
  /** S = Σ_m w_m S_m `[N, N]`. */
  graph: CsrMatrix;
  /** Number of neighbours of each item in each modality's graph, including itself; `[N]` each. */
  degrees: Float32Array[];
}

/**
 * `Σ_m w_m D_m^(-1/2) K_m D_m^(-1/2)` where K_m is 1 at the `numNeighbours` nearest of every item by its raw features
 * (eq. 1-4).
 *
 * Departure: an item without the modality has no neighbours in it, where the authors' code divides by zero.
 */
export async function frozenItemGraph(
  modalities: readonly Modality[],
  config: FreedomConfig,
  kernels: DenseKernels,
): Promise<FrozenItemGraph> {
  const weights = graphWeights(modalities, config.modalityWeights);
  const parts: { matrix: CsrMatrix; weight: number }[] = [];
  const degrees: Float32Array[] = [];
  for (const [m, { features }] of modalities.entries()) {
    const { similarities } = await itemGraph(features, config, kernels);
    const ones = new Float32Array(similarities.values.length).fill(1);
    const binary = normalizedGraph({ ...similarities, values: ones });
    parts.push({ matrix: binary.normalized, weight: weights[m] });
    degrees.push(binary.degrees);
  }
  const [N] = modalities[0].features.shape;
  return { graph: weightedSum(parts, [N, N]), degrees };
}

/** w_m, summing to 1. */
export function graphWeights(
  modalities: readonly { name: string }[],
  modalityWeights: Readonly<Record<string, number>>,
): number[] {
  const weights = modalities.map(({ name }) =>
    Object.hasOwn(modalityWeights, name) ? modalityWeights[name] : UNNAMED_WEIGHT,
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map(weight => weight / total);
}

/**
 * Degree-sensitive edge pruning: `⌊E (1 - pruning)⌋` interactions without repeats, drawn in proportion to `1 / sqrt(d_u
 * d_i)` (eq. 7); by ascending user and item.
 */
export function prunedInteractions(
  chosen: Interactions,
  pruning: number,
  random: Random,
): Interactions {
  const E = chosen.users.length;
  const kept = Math.floor(E * (1 - pruning));
  const ofUser = counts(chosen.users);
  const ofItem = counts(chosen.items);
  // Exponential race: the first `kept` arrivals at rates w_e have this distribution (Efraimidis & Spirakis, 2006).
  const arrivals = Float64Array.from({ length: E }, (_, e) => {
    const rate = 1 / Math.sqrt(ofUser[chosen.users[e]] * ofItem[chosen.items[e]]);
    return -Math.log(1 - random.uniform()) / rate;
  });
  const order = Int32Array.from({ length: E }, (_, e) => e);
  order.sort((a, b) => arrivals[a] - arrivals[b] || a - b);
  const first = order.subarray(0, kept).sort();
  return { users: first.map(e => chosen.users[e]), items: first.map(e => chosen.items[e]) };
}

function counts(indices: Int32Array): Int32Array {
  const result = new Int32Array(indices.reduce((a, b) => Math.max(a, b), -1) + 1);
  indices.forEach(index => result[index]++);
  return result;
}
