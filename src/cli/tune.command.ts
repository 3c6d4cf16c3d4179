/** @file `vitrine tune`: random search for a ranker's hyper-parameters on validation; never reads the test part. */
import { existsSync } from "node:fs";
import { Command } from "commander";
import { z } from "zod";
import { writeAtomically } from "../db/local-files.js";
import type { Services } from "../plugin/create-services.js";
import { readPreparedData, type SplitKind, splitKinds } from "../recsys/datasets/prepared-data.js";
import { figureText } from "../recsys/evaluation/figure-text.js";
import { splitHash } from "../recsys/evaluation/held-out.js";
import type { TrainingView } from "../recsys/lab/rankers/fit-and-evaluate.js";
import {
  type SearchSpace,
  searchSpaceSchema,
  type Trial,
  tuneRanker,
} from "../recsys/lab/rankers/tune-ranker.js";
import { rankerConfig } from "../recsys/ranking/ranker-config.js";
import { trainStrengths } from "../recsys/ranking/ranking-dataset.js";
import type { CliContext } from "./cli-context.js";
import { readJsonFile } from "./json-file.js";
import { oneOf, positiveNumber, wholeNumber } from "./option-values.js";
import { prepareOutput } from "./output-file.js";
import { type ShownProgress, withProgress } from "./progress.js";
import { withServices } from "./with-services.js";

interface TuneFlags {
  space: string;
  out: string;
  trials: number;
  seed: number;
  metric: string;
  data?: string;
  split: SplitKind;
  json?: boolean;
}

/**
 * Stored beside the result, so that the same command resumes an interrupted search. A file may hold several searches: a
 * trial names its own by key, and is reused by no other.
 */
const trialsFile = z.object({
  searches: z.record(z.string(), z.unknown()).default({}),
  trials: z.array(
    z.object({
      trial: z.int(),
      /** Empty in files of older versions, which belong to no search. */
      search: z.string().default(""),
      drawn: z.record(z.string(), z.unknown()),
      validation: z.record(z.string(), z.number().nullable()).nullable(),
      epoch: z.int(),
      trainingSeconds: z.number(),
    }),
  ),
});

export function tuneCommand(context: CliContext): Command {
  return new Command("tune")
    .description("search hyper-parameters of a ranker on validation; never reads the test part")
    .requiredOption("--space <file>", "fixed and searched hyper-parameters, as JSON")
    .requiredOption("--out <file>", "file of the best configuration, for `train` and `evaluate`")
    .option("--trials <number>", "number of configurations to try", positiveNumber, 10)
    .option("--seed <number>", "seed of the search and of every training", wholeNumber, 1)
    .option("--metric <name>", "metric to maximize: recall@K or ndcg@K on validation", "ndcg@10")
    .option("--data <folder>", "a prepared data set instead of the database")
    .option(
      "--split <kind>",
      "split of prepared data: " + splitKinds.join(", "),
      oneOf(splitKinds),
      "official",
    )
    .option("--json", "print one JSON line")
    .action((flags: TuneFlags) => tune(context, flags));
}

async function tune(context: CliContext, flags: TuneFlags): Promise<void> {
  const space = await readJsonFile(flags.space, "a search space", searchSpaceSchema);
  await prepareOutput("--out", flags.out);
  const { seed, metric } = flags;
  const signal = context.interruptible();
  const data =
    flags.data === undefined
      ? await withServices(context, services => readShop(services, space, seed))
      : await readPrepared(flags.data, flags);
  const outcome = await withProgress("tune", show =>
    search(space, data, { ...flags, signal, show }),
  );
  await writeAtomically(flags.out, `${JSON.stringify(outcome.config, null, 2)}\n`);
  console.log(
    flags.json
      ? JSON.stringify({ ...outcome, seed, metric, ...data.about })
      : described(outcome.trials, outcome.best, metric),
  );
}

async function search(
  space: SearchSpace,
  { view, about }: TuningData,
  { out, seed, metric, trials: numTrials, signal, show }: TuneFlags & Running,
) {
  const path = `${out.replace(/\.json$/, "")}.trials.json`;
  const { searches, trials } = existsSync(path)
    ? await readJsonFile(path, "trials", trialsFile)
    : { searches: {}, trials: [] as Trial[] };
  const own = { space, seed, metric, ...about };
  return tuneRanker(space, view, {
    numTrials,
    seed,
    metric,
    done: [...trials],
    signal,
    onProgress: (trial, { fraction, stage }) => {
      show({ fraction: (trial + fraction) / numTrials, stage: `trial ${trial + 1}, ${stage}` });
    },
    onTrial: async trial => {
      trials.push(trial);
      const content = { searches: { ...searches, [trial.search]: own }, trials };
      await writeAtomically(path, `${JSON.stringify(content, null, 2)}\n`);
    },
  });
}

function described(trials: readonly Trial[], best: Trial, metric: string): string {
  const line = ({ trial, drawn, validation, epoch, trainingSeconds }: Trial) =>
    [
      trial === best.trial ? "*" : " ",
      validation ? figureText(validation[metric]) : "diverged",
      `epoch ${epoch}, ${trainingSeconds.toFixed(0)} s`,
      JSON.stringify(drawn),
    ].join("  ");
  return trials.map(line).join("\n");
}

interface Running {
  signal: AbortSignal;
  show: (progress: ShownProgress) => void;
}

interface TuningData {
  view: TrainingView;
  /** What the output says of the data and the split. */
  about: { dataHash: string; split: { kind: string; hash: string } };
}

async function readPrepared(
  folder: string,
  { split: kind, seed }: Pick<TuneFlags, "split" | "seed">,
): Promise<TuningData> {
  const prepared = await readPreparedData(folder);
  const { numUsers, numItems, modalities, dataHash } = prepared;
  const split = await prepared.tuningSplit(kind, seed);
  return {
    view: { numUsers, numItems, modalities, split },
    about: { dataHash, split: { kind, hash: splitHash(split) } },
  };
}

async function readShop(
  { rankerTrainer }: Services,
  space: SearchSpace,
  seed: number,
): Promise<TuningData> {
  const config = rankerConfig(space.fixed);
  const { dataset, split: whole } = await rankerTrainer.read(config, seed);
  const { userIds, itemIds, modalities, dataHash } = dataset;
  const { train, validation } = whole;
  const split = { train, validation };
  const strengths = trainStrengths(dataset, train);
  return {
    view: { numUsers: userIds.length, numItems: itemIds.length, modalities, strengths, split },
    about: { dataHash, split: { kind: config.split, hash: splitHash(split) } },
  };
}
