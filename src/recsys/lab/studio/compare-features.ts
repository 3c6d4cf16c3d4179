/**
 * @file Whether one encoder's features of photographs say more of taste than another's: retrieval and ranking of held-out likes
 * on one split, with a paired test over shoppers.
 */
import { ndcgAt } from "../../../ml/metrics/ranking-metrics.js";
import { dot } from "../../../ml/nn/cosine.js";
import { row } from "../../../ml/nn/matrix.js";
import { Random } from "../../../ml/nn/random.js";
import type { WorkHooks } from "../../../ml/progress.js";
import { type BaselineComparison, compareWithBaseline } from "../../evaluation/compare-rankers.js";
import { evaluateRanker } from "../../evaluation/evaluate-ranker.js";
import { randomSplit, type Split } from "../../evaluation/splits.js";
import { rankerConfig } from "../../ranking/ranker-config.js";
import {
  type EmbeddingEntry,
  type InteractionEntry,
  type RankingDataset,
  rankingDataset,
} from "../../ranking/ranking-dataset.js";
import { evaluatePart, fitRanker } from "../rankers/fit-and-evaluate.js";

/** One encoder's features of all products. */
export interface NamedFeatures {
  name: string;
  visual: readonly EmbeddingEntry[];
  textual: readonly EmbeddingEntry[];
}

/** NDCG@10 of one way to rank with each encoder's features. */
export interface FeatureComparison {
  way: "retrieval by image" | "MICRO";
  /** By the encoder's name. */
  ndcg10: Record<string, number>;
  /** The first encoder against each other. */
  tests: BaselineComparison[];
}

const SPLIT_SEED = 123;
const CUTOFFS = [10];
/** Weights of the ranking model are drawn with each of these; a shopper's value is the mean. */
const RANKER_SEEDS = [1, 2, 3];

/** @param features at least two encoders, of the same items; the first is tested against the others. */
export async function compareFeatures(
  interactions: readonly InteractionEntry[],
  features: readonly NamedFeatures[],
  { onProgress, signal }: WorkHooks = {},
): Promise<FeatureComparison[]> {
  const byWay = { "retrieval by image": retrievalOf, MICRO: microOf } as const;
  const comparisons: FeatureComparison[] = [];
  const numRuns = 2 * features.length;
  for (const [way, valuesOf] of Object.entries(byWay)) {
    const values: { name: string; values: number[] }[] = [];
    for (const { name, textual, visual } of features) {
      signal?.throwIfAborted();
      const numDone = comparisons.length * features.length + values.length;
      onProgress?.({ fraction: numDone / numRuns, stage: `${way}, ${name}` });
      const dataset = rankingDataset(interactions, { visual, textual });
      const split = randomSplit(dataset.timelines, new Random(SPLIT_SEED));
      values.push({ name, values: await valuesOf(dataset, split, signal) });
    }
    const [first, ...others] = values;
    comparisons.push({
      way: way as FeatureComparison["way"], // a key of `byWay`
      ndcg10: Object.fromEntries(values.map(own => [own.name, mean(own.values)])),
      tests: compareWithBaseline(first, others, SPLIT_SEED),
    });
  }
  return comparisons;
}

/** By the cosine to the mean of the images that a shopper chose: no training. */
async function retrievalOf(dataset: RankingDataset, split: Split): Promise<number[]> {
  const visual = dataset.modalities.find(({ name }) => name === "visual");
  if (!visual) {
    return [];
  }
  const [numItems, width] = visual.features.shape;
  const rowOf = (item: number) => row(visual.features, item);
  const score = (user: number) => {
    const taste = new Float32Array(width);
    for (const item of split.train[user]) {
      rowOf(item).forEach((value, n) => {
        taste[n] += value;
      });
    }
    return Float32Array.from({ length: numItems }, (_, item) => dot(taste, rowOf(item)));
  };
  const { byUser } = await evaluateRanker({ score }, split.test, [split.train, split.validation], {
    metrics: { ndcg: ndcgAt },
    cutoffs: CUTOFFS,
  });
  return byUser.map(own => own["ndcg@10"]);
}

async function microOf(
  { itemIds, modalities, userIds }: RankingDataset,
  split: Split,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const config = rankerConfig({ preset: "quick" });
  const data = { numUsers: userIds.length, numItems: itemIds.length, modalities };
  const { train, validation } = split;
  let sums: number[] = [];
  for (const seed of RANKER_SEEDS) {
    const view = { ...data, split: { train, validation } };
    const { model } = await fitRanker(config, seed, view, { signal });
    try {
      const part = { split, part: "test", numItems: itemIds.length } as const;
      const { byUser } = await evaluatePart(model, part, { cutoffs: CUTOFFS });
      sums = byUser.map((own, n) => (sums[n] ?? 0) + own["ndcg@10"]);
    } finally {
      model.dispose();
    }
  }
  return sums.map(sum => sum / RANKER_SEEDS.length);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
