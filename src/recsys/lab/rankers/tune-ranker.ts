/**
 * @file Random search for hyper-parameters on validation. It never sees the test part.
 *
 * A trial belongs to one search: the same space, seed, metric, data and split. Trials of another search are never
 * reused.
 *
 * J. Bergstra, Y. Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012. Trial t uses a random stream
 * named by the seed and t, so that a resumed or extended search tries the same configurations first.
 */
import { z } from "zod";
import { AppError } from "../../../errors/app-error.js";
import { Random, seedFrom } from "../../../ml/nn/random.js";
import type { Progress } from "../../../ml/progress.js";
import { trainingFingerprint } from "../../../ml/ranking/training-loop.js";
import { evaluateRanker, type MeanMetrics } from "../../evaluation/evaluate-ranker.js";
import { fitProgress } from "../../evaluation/fit-progress.js";
import { rankerConfig } from "../../ranking/ranker-config.js";
import { fitRanker, type TrainingView } from "./fit-and-evaluate.js";

const range = z.tuple([z.number(), z.number()]).refine(([low, high]) => low < high, "must rise");

const dimension = z.union([
  z.strictObject({ choice: z.array(z.unknown()).min(1) }),
  z.strictObject({ uniform: range }),
  z.strictObject({ logUniform: range.refine(([low]) => low > 0, "must be above 0") }),
]);

/** `fixed` is a configuration of `vitrine train ranker`; `search` has ranges of its hyper-parameters. */
export const searchSpaceSchema = z.strictObject({
  fixed: z.record(z.string(), z.unknown()),
  search: z.record(z.string(), dimension),
});

export type SearchSpace = z.infer<typeof searchSpaceSchema>;

export interface Trial {
  trial: number;
  /** Key of its search; see {@link searchKey}. */
  search: string;
  /** The sampled hyper-parameters. */
  drawn: Readonly<Record<string, unknown>>;
  /** Null when training diverged. */
  validation: MeanMetrics | null;
  epoch: number;
  trainingSeconds: number;
}

export interface TuneOptions {
  numTrials: number;
  seed: number;
  /** Such as `ndcg@10`. */
  metric: string;
  /** Earlier trials; those of another search are ignored. */
  done?: readonly Trial[];
  signal?: AbortSignal;
  onProgress?: (trial: number, progress: Progress) => void;
  onTrial?: (trial: Trial) => Promise<void>;
}

export interface TuneOutcome {
  /** The key of this search. */
  search: string;
  trials: Trial[];
  best: Trial;
  /** `fixed` with the best trial's values. */
  config: Record<string, unknown>;
}

/**
 * SHA-256 of everything that a trial depends on beside its number: space, seed, metric, features, train and validation
 * items.
 */
export function searchKey(
  space: SearchSpace,
  { split: { train, validation }, ...data }: TrainingView,
  { seed, metric }: Pick<TuneOptions, "seed" | "metric">,
): string {
  return trainingFingerprint({ space, seed, metric }, { ...data, train, validation });
}

/** @throws AppError INVALID_ARGUMENT, NOTHING_TO_VALIDATE, TRAINING_DIVERGED when every trial did. */
export async function tuneRanker(
  space: SearchSpace,
  view: TrainingView,
  options: TuneOptions,
): Promise<TuneOutcome> {
  const { numTrials, seed, metric, done = [], signal } = options;
  assertSpace(space);
  cutoffOf(metric);
  if (!view.split.validation.some(items => items.length > 0)) {
    throw new AppError("NOTHING_TO_VALIDATE");
  }
  const search = searchKey(space, view, options);
  const own = done.filter(other => other.search === search);
  const trials: Trial[] = [];
  for (let trial = 0; trial < numTrials; trial++) {
    signal?.throwIfAborted();
    const drawn = drawnFrom(space, seed, trial);
    const before = own.find(other => JSON.stringify(other.drawn) === JSON.stringify(drawn));
    const made = before ?? {
      trial,
      search,
      drawn,
      ...(await runTrial(space, { trial, drawn }, view, options)),
    };
    trials.push({ ...made, trial });
    if (!before) {
      await options.onTrial?.(made);
    }
  }
  const value = ({ validation }: Trial) => validation?.[metric] ?? -Infinity;
  const best = trials.reduce((a, b) => (value(b) > value(a) ? b : a));
  if (value(best) === -Infinity) {
    const model = rankerConfig(configOf(space, best.drawn)).algorithm;
    throw new AppError("TRAINING_DIVERGED", { model });
  }
  return { search, trials, best, config: configOf(space, best.drawn) };
}

async function runTrial(
  space: SearchSpace,
  { trial, drawn }: Pick<Trial, "trial" | "drawn">,
  view: TrainingView,
  { seed, signal, onProgress, metric }: TuneOptions,
): Promise<Pick<Trial, "validation" | "epoch" | "trainingSeconds">> {
  const config = rankerConfig(configOf(space, drawn));
  const cutoffs = [...new Set([10, 20, cutoffOf(metric)])];
  const startMs = performance.now();
  try {
    const { model, epoch, trainingSeconds } = await fitRanker(config, seed, view, {
      signal,
      ...fitProgress(progress => onProgress?.(trial, progress)),
    });
    const { train, validation } = view.split;
    const { metrics } = await evaluateRanker(model, validation, [train], { cutoffs });
    model.dispose();
    return { validation: metrics, epoch, trainingSeconds };
  } catch (error) {
    if (error instanceof AppError && error.code === "TRAINING_DIVERGED") {
      const trainingSeconds = (performance.now() - startMs) / 1_000;
      return { validation: null, epoch: 0, trainingSeconds };
    }
    throw error;
  }
}

/** Rejects a space with names or values that the algorithm does not have, before the first training. @throws AppError */
function assertSpace(space: SearchSpace): void {
  const algorithm = rankerConfig(configOf(space, {}));
  for (const [name, where] of Object.entries(space.search)) {
    const values = Object.values<unknown>(where).flat();
    values.forEach(value => rankerConfig(configOf(space, { [name]: value })));
    if (!Object.hasOwn(algorithm.model, name)) {
      const problem = `has no '${name}'; those of ${algorithm.algorithm} are ${Object.keys(algorithm.model).join(", ")}`;
      throw new AppError("INVALID_ARGUMENT", { argument: "search", problem });
    }
  }
}

function cutoffOf(metric: string): number {
  const [, name, k] = /^(recall|ndcg)@([1-9]\d*)$/.exec(metric) ?? [];
  if (!name) {
    const problem = `must be recall@K or ndcg@K, but got ${metric}`;
    throw new AppError("INVALID_ARGUMENT", { argument: "metric", problem });
  }
  return Number(k);
}

/** The configuration of trial `trial`; numbers have three significant digits, for readability. */
export function drawnFrom(
  { search }: SearchSpace,
  seed: number,
  trial: number,
): Record<string, unknown> {
  const random = new Random(seedFrom("trial", seed, trial));
  const short = (value: number) => Number(value.toPrecision(3));
  return Object.fromEntries(
    Object.entries(search).map(([name, where]) => {
      if ("choice" in where) {
        return [name, where.choice[random.int(where.choice.length)]];
      }
      const u = random.uniform();
      if ("uniform" in where) {
        const [low, high] = where.uniform;
        return [name, short(low + u * (high - low))];
      }
      const [low, high] = where.logUniform;
      return [name, short(low * (high / low) ** u)];
    }),
  );
}

function configOf({ fixed }: SearchSpace, drawn: Trial["drawn"]): Record<string, unknown> {
  const { model = {}, ...rest } = fixed as { model?: object };
  return { ...rest, model: { ...model, ...drawn } };
}
