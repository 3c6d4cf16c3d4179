/**
 * @file Recall@10 of a graph on a seeded sample of its own points, against exact search.
 *
 * HNSW gives no guarantee: on data without clusters, or with many nearly equal points, it can miss most neighbours. So
 * its recall is measured when the index is built, and unreachable points are searched separately.
 */
import { dot } from "../../ml/nn/cosine.js";
import { Random } from "../../ml/nn/random.js";
import { inSlices } from "./in-slices.js";
import type { NearestGraph } from "./nearest-graph.js";

const K = 10;
const NUM_QUERIES = 100;
const SEED = 20_261_130;
/** Similarities closer than this are equal in single precision. */
const TIE = 1e-6;

export interface RecallSample {
  queries: readonly Float32Array[];
  /** Similarity of each query's exact {@link K}th neighbour. */
  lowest: readonly number[];
  /** Neighbours per query. */
  k: number;
}

/**
 * Samples up to 100 points with a fixed seed and finds their exact nearest points: one dot product per point and query.
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

/** The fraction of exact neighbours that the graph finds, 0..1; ties with the last one count. */
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
 * Points that a search for themselves does not find, because no remaining edge leads to them. HNSW has a few among
 * hundreds of nearly equal points.
 */
export async function lostLabels(
  graph: NearestGraph,
  labels: readonly number[],
  efSearch: number,
  signal?: AbortSignal,
): Promise<number[]> {
  const lost: number[] = [];
  await inSlices(labels, signal, label => {
    graph.setEf(efSearch); // every time: searches may run between the slices
    const { distances } = graph.searchKnn(graph.getPoint(label), 1, () => true);
    if (!(distances[0] < TIE)) {
      lost.push(label);
    }
  });
  return lost;
}

/** Inserts a value into a descending list of fixed length, if it is large enough. */
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
