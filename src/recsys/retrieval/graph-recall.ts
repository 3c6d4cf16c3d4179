/**
 * @file How much of the exact answer a graph finds: recall@10 on a seeded sample of its own points.
 *
 * HNSW promises nothing: on data without clusters, or with many nearly equal points, it can miss most neighbours. So the
 * index is compared with the exact answer when it is built, and points that cannot be reached are searched beside the graph.
 */
import { dot } from "../../ml/nn/cosine.js";
import { Random } from "../../ml/nn/random.js";
import { inSlices } from "./in-slices.js";
import type { NearestGraph } from "./nearest-graph.js";

const K = 10;
const NUM_QUERIES = 100;
const SEED = 20_261_130;
/** Single precision tells no smaller differences of similarities: such points are equally near. */
const TIE = 1e-6;

export interface RecallSample {
  queries: readonly Float32Array[];
  /** Similarity of the last of the exact best {@link K} of each query. */
  lowest: readonly number[];
  /** How many neighbours each query should find. */
  k: number;
}

/**
 * Chooses up to 100 points by a fixed seed and finds their nearest points exactly: one dot product of every point with
 * every query.
 *
 * @param labels The graph's points that are not deleted.
 */
export async function sampleExactly(
  graph: NearestGraph,
  labels: readonly number[],
  signal?: AbortSignal,
): Promise<RecallSample> {
  const chosen = new Random(SEED).shuffled(labels).slice(0, NUM_QUERIES);
  const queries = chosen.map(label => Float32Array.from(graph.getPoint(label)));
  const k = Math.min(K, labels.length);
  const best = queries.map(() => new Float64Array(k).fill(-Infinity)); // falling
  await inSlices(labels, signal, label => {
    const point = Float32Array.from(graph.getPoint(label));
    queries.forEach((query, q) => {
      insert(best[q], dot(query, point));
    });
  });
  return { queries, lowest: best.map(similarities => similarities[k - 1]), k };
}

/** The part of the exact neighbours that the graph finds, 0..1; points as near as the last of them count too. */
export function recallOf(graph: NearestGraph, { queries, lowest, k }: RecallSample): number {
  if (queries.length === 0) {
    return 1;
  }
  let numFound = 0;
  queries.forEach((query, q) => {
    const { distances } = graph.searchKnn(Array.from(query), k, () => true);
    numFound += distances.filter(distance => 1 - distance >= lowest[q] - TIE).length;
  });
  return numFound / (queries.length * k);
}

/**
 * The points that a search for them does not find: no edge that is left leads to them. HNSW has a few where hundreds of points
 * are nearly equal.
 */
export async function lostLabels(
  graph: NearestGraph,
  labels: readonly number[],
  efSearch: number,
  signal?: AbortSignal,
): Promise<number[]> {
  const lost: number[] = [];
  await inSlices(labels, signal, label => {
    graph.setEf(efSearch); // each time: searches may run between the slices
    const { distances } = graph.searchKnn(graph.getPoint(label), 1, () => true);
    if (!(distances[0] < TIE)) {
      lost.push(label);
    }
  });
  return lost;
}

/** Puts a value into a falling list of fixed length, if it belongs there. */
function insert(falling: Float64Array, value: number): void {
  let at = falling.length - 1;
  if (!(value > falling[at])) {
    return;
  }
  for (; at > 0 && falling[at - 1] < value; at--) {
    falling[at] = falling[at - 1];
  }
  falling[at] = value;
}
