/** @file `vitrine evaluate`: how well rankers find what was held out, with intervals and paired tests. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { AppError } from "../errors/app-error.js";
import { writeAtomically } from "../ml/nn/safetensors.js";
import { createServices } from "../plugin/create-services.js";
import { comparePairs, userInterval } from "../recsys/evaluation/compare-rankers.js";
import type { RankerEvaluation } from "../recsys/evaluation/evaluate-ranker.js";
import { experimentTable } from "../recsys/evaluation/experiment-table.js";
import { evaluatePart, fitRanker } from "../recsys/evaluation/fit-and-evaluate.js";
import {
  readPreparedData,
  type SplitKind,
  splitKinds,
} from "../recsys/evaluation/prepared-data.js";
import {
  type Experiment,
  experimentSchema,
  type RankerRun,
  runExperiment,
  summarizeRuns,
} from "../recsys/evaluation/ranker-experiment.js";
import type { Split } from "../recsys/evaluation/splits.js";
import { loadRanker } from "../recsys/ranking/ranker-artefact.js";
import { rankerConfig } from "../recsys/ranking/ranker-config.js";
import type { CliContext } from "./cli-context.js";
import { jsonObject, readJsonFile } from "./json-file.js";
import { oneOf, positiveNumbers, wholeNumber } from "./option-values.js";
import { createProgress } from "./progress.js";

const parts = ["validation", "test"] as const;

interface EvaluateFlags {
  data?: string;
  experiment?: string;
  out?: string;
  split: SplitKind;
  on: (typeof parts)[number];
  at: number[];
  seed: number;
  json?: boolean;
}

export function evaluateCommand(context: CliContext): Command {
  return new Command("evaluate")
    .description(
      "measure rankers on held-out items: versions by id (default: the active one) or configurations, trained first; " +
        "several are compared by paired tests",
    )
    .argument("[rankers...]", "ids of versions, or JSON files of `train ranker`")
    .option("--on <part>", "validation or test", oneOf(parts), "test")
    .option("--at <list>", "cut-offs", positiveNumbers, [10, 20])
    .option("--seed <number>", "of training, intervals and tests", wholeNumber, 1)
    .option("--data <folder>", "a prepared data set instead of the database")
    .option(
      "--split <kind>",
      `split of prepared data: ${splitKinds.join(", ")}`,
      oneOf(splitKinds),
      "official",
    )
    .option(
      "--experiment <file>",
      "rankers and seeds to run on prepared data; continues where it was stopped",
    )
    .option("--out <file>", "where an experiment's results are kept (default: results/<name>.json)")
    .option("--json", "print one JSON line")
    .action(async (rankers: string[], flags: EvaluateFlags) => {
      await (flags.experiment === undefined
        ? evaluateRankers(context, rankers, flags)
        : experiment(flags.experiment, flags));
    });
}

interface Evaluated {
  name: string;
  evaluation: RankerEvaluation;
}

async function evaluateRankers(
  context: CliContext,
  rankers: readonly string[],
  flags: EvaluateFlags,
): Promise<void> {
  const evaluated =
    flags.data === undefined
      ? await onDatabase(context, rankers, flags)
      : await onPrepared(flags.data, rankers, flags);
  const models = evaluated.map(({ name, evaluation }) => {
    const names = flags.at.flatMap(k => [`recall@${k}`, `ndcg@${k}`]);
    const values = (metric: string) => evaluation.byUser.map(own => own[metric]);
    return {
      ranker: name,
      metrics: evaluation.metrics,
      intervals: Object.fromEntries(
        names.map(metric => [metric, userInterval({ name, values: values(metric) }, flags.seed)]),
      ),
      numUsers: evaluation.userIndices.length,
    };
  });
  const metric = `ndcg@${flags.at[0]}`;
  const comparisons =
    evaluated.length < 2
      ? []
      : comparePairs(
          evaluated.map(({ name, evaluation }) => ({
            name,
            values: evaluation.byUser.map(own => own[metric]),
          })),
          flags.seed,
        );
  if (flags.json) {
    console.log(JSON.stringify({ on: flags.on, models, comparedBy: metric, comparisons }));
    return;
  }
  for (const { ranker, metrics, intervals, numUsers } of models) {
    console.log(`${ranker} on ${flags.on} (${numUsers} users)`);
    for (const [name, value] of Object.entries(metrics)) {
      const interval = intervals[name]?.map(end => end.toFixed(4)).join(" .. ");
      console.log(`  ${name.padEnd(16)} ${value.toFixed(4)}${interval ? `  [${interval}]` : ""}`);
    }
  }
  for (const { better, worse, difference, interval, pValue, wilcoxonPValue } of comparisons) {
    const ends = interval.map(end => end.toFixed(4)).join(" .. ");
    console.log(
      `${metric}: ${better} - ${worse} = ${difference.toFixed(4)} [${ends}], ` +
        `p ${pValue.toFixed(4)} (bootstrap), ${wilcoxonPValue.toFixed(4)} (Wilcoxon)`,
    );
  }
}

async function onPrepared(
  folder: string,
  rankers: readonly string[],
  { split: kind, seed, on, at }: EvaluateFlags,
): Promise<Evaluated[]> {
  if (rankers.length === 0) {
    const problem = "must name a configuration: --data has no trained versions";
    throw new AppError("INVALID_ARGUMENT", { argument: "rankers", problem });
  }
  const data = await readPreparedData(folder);
  const split = await data.split(kind, seed);
  const evaluated: Evaluated[] = [];
  for (const path of rankers) {
    const config = rankerConfig(await readJsonFile(path, "a configuration", jsonObject));
    evaluated.push({
      name: path,
      evaluation: await trained(config, { ...data, split }, { seed, on, at }),
    });
  }
  return evaluated;
}

async function trained(
  config: ReturnType<typeof rankerConfig>,
  data: Parameters<typeof fitRanker>[2] & { split: Split },
  { seed, on, at }: Pick<EvaluateFlags, "seed" | "on" | "at">,
): Promise<RankerEvaluation> {
  const { numUsers, numItems, modalities, split } = data;
  const progress = createProgress(config.algorithm);
  const { train, validation } = split;
  const view = { numUsers, numItems, modalities, split: { train, validation } };
  const { model } = await fitRanker(config, seed, view, {
    onEpoch: ({ epoch, numEpochs }) => {
      progress.update(epoch / numEpochs, `epoch ${epoch}`);
    },
  });
  progress.stop();
  try {
    return await evaluatePart(model, { split, part: on, numItems }, { cutoffs: at });
  } finally {
    model.dispose();
  }
}

async function onDatabase(
  context: CliContext,
  rankers: readonly string[],
  flags: EvaluateFlags,
): Promise<Evaluated[]> {
  const opened = await context.open();
  try {
    const services = await createServices(opened);
    const active = await services.rankers.activeVersionId();
    if (rankers.length === 0 && active === null) {
      throw new AppError("RANKER_NOT_TRAINED");
    }
    const evaluated: Evaluated[] = [];
    for (const name of rankers.length > 0 ? rankers : [active!]) {
      if (existsSync(name)) {
        const config = rankerConfig(await readJsonFile(name, "a configuration", jsonObject));
        const { dataset, split } = await services.rankerTraining.read(config, flags.seed);
        const numUsers = dataset.userIds.length;
        const numItems = dataset.itemIds.length;
        const data = { numUsers, numItems, modalities: dataset.modalities, split };
        evaluated.push({ name, evaluation: await trained(config, data, flags) });
        continue;
      }
      const version = await services.rankers.find(name);
      const config = rankerConfig(version.config as Record<string, unknown>);
      const { dataset, split } = await services.rankerTraining.read(config, version.seed);
      if (version.dataHash !== dataset.dataHash || version.artefactPath === null) {
        throw new AppError("RANKER_DATA_CHANGED", { versionId: name });
      }
      const { model } = await loadRanker(join(opened.home, version.artefactPath));
      const where = { split, part: flags.on, numItems: dataset.itemIds.length };
      evaluated.push({ name, evaluation: await evaluatePart(model, where, { cutoffs: flags.at }) });
      model.dispose();
    }
    await services.close();
    assertSameUsers(evaluated);
    return evaluated;
  } finally {
    await opened.close();
  }
}

/** Paired tests need the same users. */
function assertSameUsers(evaluated: readonly Evaluated[]): void {
  const users = evaluated.map(({ evaluation }) => evaluation.userIndices.join());
  if (users.some(list => list !== users[0])) {
    const problem = "must hold out items of the same users: compare versions of one split";
    throw new AppError("INVALID_ARGUMENT", { argument: "rankers", problem });
  }
}

async function readExperiment(path: string): Promise<Experiment> {
  const { rankers, ...experiment } = await readJsonFile(path, "an experiment", experimentSchema);
  const read = (config: (typeof rankers)[number]["config"]) =>
    typeof config === "string"
      ? readJsonFile(join(dirname(path), config), "a configuration", jsonObject)
      : config;
  return {
    ...experiment,
    rankers: await Promise.all(
      rankers.map(async ({ name, config }) => ({ name, config: await read(config) })),
    ),
  };
}

interface ResultsFile {
  runs: RankerRun[];
}

async function experiment(path: string, { data: folder, out, json }: EvaluateFlags): Promise<void> {
  const config = await readExperiment(path);
  if (folder === undefined) {
    const problem = "is needed by an experiment: the folder of the prepared data";
    throw new AppError("INVALID_ARGUMENT", { argument: "--data", problem });
  }
  const results = out ?? join("results", `${config.name}.json`);
  const progress = createProgress(config.name);
  const data = await readPreparedData(folder);
  const done = existsSync(results)
    ? ((await readJsonFile(results, "results", jsonObject)) as unknown as ResultsFile).runs // written below
    : [];
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort());
  process.once("SIGTERM", () => stopping.abort());
  const total = config.rankers.length * config.seeds.length;
  let numDone = 0;
  const write = async (runs: readonly RankerRun[]) => {
    const { seeds, split } = config;
    const seedsVary = "initial weights and batches; the split is the same for all";
    const content = { name: config.name, split, seeds, seedsVary, ...summarizeRuns(runs), runs };
    await mkdir(dirname(results), { recursive: true });
    await writeAtomically(results, `${JSON.stringify(content, null, 1)}\n`);
  };
  const runs = await runExperiment(config, data, {
    done,
    checkpoints: join("runs", config.name),
    signal: stopping.signal,
    onEpoch: ({ ranker, seed }, { epoch, numEpochs, validationRecall }) => {
      const recall =
        validationRecall === undefined ? "" : ` recall@20 ${validationRecall.toFixed(4)}`;
      const fraction = (numDone + epoch / numEpochs) / total;
      progress.update(fraction, `${ranker} seed ${seed} epoch ${epoch}${recall}`);
    },
    onRun: async runs => {
      numDone = runs.length;
      const kept = done.filter(
        old => !runs.some(run => run.ranker === old.ranker && run.seed === old.seed),
      );
      await write([...runs, ...kept]);
    },
  });
  progress.stop();
  await write(runs);
  const summary = summarizeRuns(runs);
  console.log(json ? JSON.stringify(summary) : experimentTable(summary));
}
