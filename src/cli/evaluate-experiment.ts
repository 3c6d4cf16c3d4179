/** @file `vitrine evaluate --experiment`: rankers x seeds on prepared data; resumes an interrupted run. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { FolderArtefactStore } from "../db/artefact-store.js";
import { writeAtomically } from "../db/local-files.js";
import { AppError } from "../errors/app-error.js";
import { readPreparedData } from "../recsys/datasets/prepared-data.js";
import { splitHash } from "../recsys/evaluation/held-out.js";
import { numWithoutTrain } from "../recsys/evaluation/splits.js";
import { experimentTable } from "../recsys/lab/rankers/experiment-table.js";
import {
  type Experiment,
  experimentSchema,
  type RankerRun,
  runExperiment,
  summarizeRuns,
} from "../recsys/lab/rankers/ranker-experiment.js";
import { jsonObject, readJsonFile } from "./json-file.js";
import { prepareOutput } from "./output-file.js";
import { withProgress } from "./progress.js";

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

/** @throws AppError FILE_MALFORMED unless this command wrote the file. */
async function readRuns(path: string): Promise<RankerRun[]> {
  if (!existsSync(path)) {
    return [];
  }
  const { runs } = (await readJsonFile(path, "results", jsonObject)) as Partial<ResultsFile>;
  if (!Array.isArray(runs)) {
    const expected = "results of an experiment";
    throw new AppError("FILE_MALFORMED", { path, expected, reason: "it has no runs" });
  }
  return runs;
}

export async function evaluateExperiment(
  path: string,
  { data: folder, out, json }: { data?: string; out?: string; json?: boolean },
  signal: AbortSignal,
): Promise<void> {
  const config = await readExperiment(path);
  if (folder === undefined) {
    const problem = "is required by an experiment: the folder of the prepared data";
    throw new AppError("INVALID_ARGUMENT", { argument: "--data", problem });
  }
  const results = out ?? join("results", `${config.name}.json`);
  await prepareOutput("--out", results);
  const data = await readPreparedData(folder);
  const split = await data.split(config.split, config.splitSeed);
  const about = {
    dataHash: data.dataHash,
    splitHash: splitHash(split),
    // Of all users; these have no train item and count in no metric.
    numUsersWithoutTrain: numWithoutTrain(split),
    configs: Object.fromEntries(config.rankers.map(ranker => [ranker.name, ranker.config])),
  };
  const done = await readRuns(results);
  const total = config.rankers.length * config.seeds.length;
  let numDone = 0;
  const write = async (runs: readonly RankerRun[]) => {
    const { name, seeds } = config;
    const seedsVary = "initial weights and batches; the split is the same for all";
    const content = {
      name,
      split: config.split,
      seeds,
      seedsVary,
      ...about,
      ...summarizeRuns(runs),
      runs,
    };
    await writeAtomically(results, `${JSON.stringify(content, null, 1)}\n`);
  };
  const runs = await withProgress(config.name, show =>
    runExperiment(config, data, {
      done,
      checkpoints: new FolderArtefactStore(join("runs", config.name)),
      signal,
      onEpoch: ({ ranker, seed }, { epoch, numEpochs, validationRecall }) => {
        const recall =
          validationRecall === undefined ? "" : ` recall@20 ${validationRecall.toFixed(4)}`;
        const fraction = (numDone + epoch / numEpochs) / total;
        show({ fraction, stage: `${ranker} seed ${seed} epoch ${epoch}${recall}` });
      },
      onBatch: ({ ranker, seed }, { epoch, numEpochs, batch, numBatches }) => {
        const fraction = (numDone + (epoch - 1 + batch / numBatches) / numEpochs) / total;
        const stage = `epoch ${epoch} batch ${batch} of ${numBatches}`;
        show({ fraction, stage: `${ranker} seed ${seed} ${stage}` });
      },
      onRun: async runs => {
        numDone = runs.length;
        const kept = done.filter(
          old => !runs.some(run => run.ranker === old.ranker && run.seed === old.seed),
        );
        await write([...runs, ...kept]);
      },
    }),
  );
  await write(runs);
  const summary = summarizeRuns(runs);
  const { seeds } = config;
  console.log(
    json
      ? JSON.stringify({ split: config.split, seeds, ...about, ...summary })
      : experimentTable(summary),
  );
}
