/**
 * @file An experiment with rankers: each configuration trained with each seed on the same split, measured on its test
 * part.
 *
 * A run is one (ranker, seed). Each is reported as soon as it ends, so that an interrupted experiment resumes with the
 * next run; an interrupted training resumes from its checkpoint.
 */
import { z } from "zod";
import type { ArtefactStore } from "../../../db/artefact-store.js";
import { contentHash } from "../../../ml/content-hash.js";
import type { BatchReport, EpochReport } from "../../../ml/ranking/recommender.js";
import { type PreparedData, splitKinds } from "../../datasets/prepared-data.js";
import { comparePairs, type Comparison, userInterval } from "../../evaluation/compare-rankers.js";
import type { MeanMetrics } from "../../evaluation/evaluate-ranker.js";
import { checkpointAt } from "../../ranking/ranker-artefact.js";
import { type RankerConfig, rankerConfig } from "../../ranking/ranker-config.js";
import { evaluatePart, fitRanker } from "./fit-and-evaluate.js";

export const experimentSchema = z.strictObject({
  name: z.string().regex(/^[\w-]+$/),
  split: z.enum(splitKinds),
  /** Seed of a `random` split; the same for all runs. */
  splitSeed: z.int().default(123),
  /** Seeds of initial weights and batches. */
  seeds: z.array(z.int()).min(1),
  cutoffs: z.array(z.int().min(1)).min(1).default([10, 20]),
  /** Hyper-parameters that override those of all rankers, such as more epochs than a search could afford. */
  shared: z.record(z.string(), z.unknown()).default({}),
  rankers: z
    .array(
      z.strictObject({
        name: z.string(),
        /** The configuration of `vitrine train ranker`, or the path of its file, relative to the experiment's. */
        config: z.union([z.string(), z.record(z.string(), z.unknown())]),
      }),
    )
    .min(1),
});

export type Experiment = Omit<z.infer<typeof experimentSchema>, "rankers"> & {
  rankers: readonly { name: string; config: Readonly<Record<string, unknown>> }[];
};

/** The result of one ranker with one seed. */
export interface RankerRun {
  ranker: string;
  seed: number;
  /** SHA-256 of configuration, seed, split and data: a run with another key is repeated. */
  key: string;
  recall10: number | null;
  ndcg10: number | null;
  /** Median seconds of an epoch. */
  epochSeconds: number;
  trainingSeconds: number;
  /** The selected epoch. */
  epoch: number;
  numEpochs: number;
  validation: MeanMetrics;
  test: MeanMetrics;
  /** Each user's NDCG@10 and Recall@10 on test, to four digits, joined by spaces, for intervals and tests. */
  testByUser: { ndcg10: string; recall10: string };
}

export interface ExperimentHooks {
  /** Earlier runs; those with a matching key are reused. */
  done?: readonly RankerRun[];
  checkpoints: ArtefactStore;
  signal?: AbortSignal;
  onEpoch?: (run: { ranker: string; seed: number }, report: EpochReport) => void;
  onBatch?: (run: { ranker: string; seed: number }, report: BatchReport) => void;
  onRun?: (runs: readonly RankerRun[]) => Promise<void>;
}

/** Runs sequentially, rankers in the order of the file. */
export async function runExperiment(
  experiment: Experiment,
  data: PreparedData,
  hooks: ExperimentHooks,
): Promise<RankerRun[]> {
  const split = await data.split(experiment.split, experiment.splitSeed);
  const dataHash = contentHash([data.dataHash, ...Object.values(split).flat().map(String)]);
  const configs = experiment.rankers.map(({ name, config }) => ({
    name,
    config: rankerConfig({
      ...config,
      model: { ...(config.model as object), ...experiment.shared },
    }),
  }));
  const runs: RankerRun[] = [];
  for (const { name, config } of configs) {
    for (const seed of experiment.seeds) {
      hooks.signal?.throwIfAborted();
      const key = runKey(config, seed, dataHash, experiment.cutoffs);
      const before = hooks.done?.find(run => run.ranker === name && run.key === key);
      if (before) {
        runs.push(before);
        continue;
      }
      const run = { ranker: name, seed, key };
      runs.push(await oneRun({ run, config }, { ...data, split }, experiment.cutoffs, hooks));
      await hooks.onRun?.(runs);
    }
  }
  return runs;
}

/** An option that is null is off, and the same as in a release that did not have it. */
export function runKey(
  config: RankerConfig,
  seed: number,
  dataHash: string,
  cutoffs: readonly number[],
): string {
  const set = JSON.stringify(config, (_, value: unknown) => (value === null ? undefined : value));
  return contentHash([set, seed, dataHash, cutoffs]);
}

async function oneRun(
  { run, config }: { run: Pick<RankerRun, "ranker" | "seed" | "key">; config: RankerConfig },
  {
    split,
    ...data
  }: Omit<PreparedData, "split"> & { split: Awaited<ReturnType<PreparedData["split"]>> },
  cutoffs: readonly number[],
  { checkpoints, signal, onBatch, onEpoch }: ExperimentHooks,
): Promise<RankerRun> {
  const { numUsers, numItems, modalities } = data;
  const { train, validation } = split;
  const key = `${run.key.slice(0, 16)}/checkpoint.safetensors`;
  const checkpoint = checkpointAt(checkpoints, key);
  const { model, ...fitted } = await fitRanker(
    config,
    run.seed,
    { numUsers, numItems, modalities, split: { train, validation } },
    {
      signal,
      checkpoint,
      onEpoch: report => onEpoch?.(run, report),
      onBatch: report => onBatch?.(run, report),
    },
  );
  try {
    const part = (name: "validation" | "test") =>
      evaluatePart(
        model,
        { split, part: name, numItems },
        { cutoffs: [...new Set([10, ...cutoffs])] },
      );
    const test = await part("test");
    const ofUsers = (metric: string) =>
      test.byUser.map(own => String(Number(own[metric].toFixed(4)))).join(" ");
    await checkpoints.delete(key);
    return {
      ...run,
      recall10: test.metrics["recall@10"],
      ndcg10: test.metrics["ndcg@10"],
      ...fitted,
      validation: (await part("validation")).metrics,
      test: test.metrics,
      testByUser: { ndcg10: ofUsers("ndcg@10"), recall10: ofUsers("recall@10") },
    };
  } finally {
    model.dispose();
  }
}

/** Nulls where nothing was measured; no deviation for a single seed. */
export interface SummaryFigure {
  mean: number | null;
  interval: readonly [number, number] | null;
  seedDeviation: number | null;
}

export interface RankerSummary {
  ranker: string;
  numSeeds: number;
  /** Means over seeds. */
  test: MeanMetrics;
  epochSeconds: number;
  /** Statistics over users of each user's mean over seeds. */
  ndcg10: SummaryFigure;
  recall10: SummaryFigure;
}

export interface ExperimentSummary {
  rankers: RankerSummary[];
  /** Every pair in NDCG@10, by each user's mean over seeds. */
  comparisons: Comparison[];
}

/** The table: means over seeds, intervals over users, paired tests between rankers. */
export function summarizeRuns(runs: readonly RankerRun[], seed = 0): ExperimentSummary {
  const names = [...new Set(runs.map(({ ranker }) => ranker))];
  const byRanker = names.map(name => runs.filter(({ ranker }) => ranker === name));
  const figure = (own: readonly RankerRun[], metric: "ndcg10" | "recall10"): SummaryFigure => {
    const values = meanByUser(own.map(run => run.testByUser[metric]));
    const seeds = own.map(run => run[metric]);
    const mean = average(seeds);
    const measured = seeds.filter(value => value !== null);
    const squares = mean === null ? [] : measured.map(value => (value - mean) ** 2);
    const sum = squares.reduce((total, square) => total + square, 0);
    return {
      mean,
      interval: userInterval({ name: own[0].ranker, values }, seed),
      seedDeviation: squares.length < 2 ? null : Math.sqrt(sum / (squares.length - 1)),
    };
  };
  return {
    rankers: byRanker.map(own => ({
      ranker: own[0].ranker,
      numSeeds: own.length,
      test: Object.fromEntries(
        Object.keys(own[0].test).map(name => [name, average(own.map(run => run.test[name]))]),
      ),
      epochSeconds: average(own.map(run => run.epochSeconds)) ?? 0, // every run has seconds
      ndcg10: figure(own, "ndcg10"),
      recall10: figure(own, "recall10"),
    })),
    comparisons: comparePairs(
      byRanker.map(own => ({
        name: own[0].ranker,
        values: meanByUser(own.map(run => run.testByUser.ndcg10)),
      })),
      seed,
    ),
  };
}

function meanByUser(lists: readonly string[]): number[] {
  const values = lists.map(list => (list === "" ? [] : list.split(" ").map(Number)));
  return values[0].map(
    (_, user) => values.reduce((sum, own) => sum + own[user], 0) / values.length,
  );
}

/** Null unless every value was measured. */
function average(values: readonly (number | null)[]): number | null {
  const sum = values.reduce(
    (total, value) => (value === null || total === null ? null : total + value),
    0,
  );
  return sum === null || values.length === 0 ? null : sum / values.length;
}
