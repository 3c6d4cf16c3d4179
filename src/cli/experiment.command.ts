/** @file `vitrine experiment <file>`: an experiment on personalised pictures, its table and its results file. */
import { join } from "node:path";
import { Command } from "commander";
import { writeAtomically } from "../db/local-files.js";
import {
  armsOf,
  type ImageExperiment,
  imageExperimentSchema,
  scaledExperiment,
  shownArmsOf,
} from "../recsys/lab/experiments/experiment-config.js";
import type { ArmOutcomes } from "../recsys/lab/experiments/image-experiment.service.js";
import {
  baselinesOf,
  type ExperimentResult,
  type Figure,
  type Figures,
  summarizeOutcomes,
} from "../recsys/lab/experiments/summarize-outcomes.js";
import { contactSheet } from "../recsys/lab/packs/contact-sheet.js";
import { type CliContext } from "./cli-context.js";
import { commitOf } from "./commit.js";
import { readJsonFile } from "./json-file.js";
import { prepareOutput } from "./output-file.js";
import { withProgress } from "./progress.js";
import { withServices } from "./with-services.js";

interface Options {
  scale?: string;
  output?: string;
  sheet?: string;
  json?: boolean;
}

/** Users of a contact sheet, images of each one's history, items shown to all of them, and pixels of an image. */
const SHEET = { numUsers: 8, numHistory: 4, numObjects: 2, side: 128 };

/** An arm takes minutes, unless it was done before. */
const WRITE_EVERY_MS = 20_000;

export function experimentCommand(context: CliContext): Command {
  return new Command("experiment")
    .description(
      "run arms x seeds of personalised pictures on held-out users; resumes an interrupted run",
    )
    .argument("<file>", "an experiment, such as experiments/stickers.json")
    .option("--scale <name>", "one of the experiment's scales, such as quick")
    .option("--output <file>", "file of the results; default results/<name>.json")
    .option(
      "--sheet <file>",
      "a PNG of eight users: history, then the same items for all, each with its pictures in the shown arms",
    )
    .option("--json", "print one JSON line")
    .action(async (file: string, { json, output, scale, sheet }: Options) => {
      const given = await readJsonFile(file, "an experiment", imageExperimentSchema);
      const experiment = scaledExperiment(given, scale);
      const arms = shownArmsOf(experiment); // fails before hours of work
      const name = scale === undefined ? experiment.name : `${experiment.name}-${scale}`;
      const path = output ?? join("results", `${name}.json`);
      const command = `vitrine experiment ${file}${scale === undefined ? "" : ` --scale ${scale}`}`;
      const commit = await commitOf();
      await prepareOutput("--output", path);
      if (sheet !== undefined) {
        await prepareOutput("--sheet", sheet);
      }
      const startMs = performance.now();
      const text = await withServices(context, async ({ imageExperiments, models }, { signal }) => {
        const { encoder } = models;
        const about = {
          baselines: baselinesOf(experiment),
          groups: await imageExperiments.groups(experiment),
        };
        const generator = models.generator.version;
        const total = numRunsOf(experiment);
        let writtenMs = performance.now();
        /** Written after arms, so that an interrupted run keeps its results; not for each of many that were done before. */
        const write = async (runs: readonly ArmOutcomes[]) => {
          if (runs.length < total && performance.now() - writtenMs < WRITE_EVERY_MS) {
            return;
          }
          writtenMs = performance.now();
          const result = {
            experiment: { ...experiment, scales: undefined },
            scale: scale ?? null,
            isComplete: runs.length === total,
            command,
            commit,
            generator,
            clip: encoder.name,
            seconds: Math.round((performance.now() - startMs) / 1_000),
            peakMemoryMib: Math.round(process.resourceUsage().maxRSS / 1_024),
            ...summarizeOutcomes(runs, about),
            runs,
          };
          await writeAtomically(path, `${JSON.stringify(result, null, 1)}\n`);
        };
        const runs = await withProgress("experiment", show =>
          imageExperiments.run(experiment, {
            signal,
            onProgress: ({ fraction, secondsLeft, stage }) => {
              show({ fraction, stage: `${stage}${timeLeft(secondsLeft)}` });
            },
            onArm: write,
          }),
        );
        if (sheet !== undefined) {
          const rows = await imageExperiments.sheet(experiment, { arms, ...SHEET }, signal);
          const layout = { columns: rows[0].length, generator, side: SHEET.side };
          await writeAtomically(sheet, await contactSheet(rows.flat(), layout));
        }
        const summary = summarizeOutcomes(runs, about);
        return json ? JSON.stringify({ path, ...summary }) : `${tableOf(summary)}\n${path}`;
      });
      console.log(text);
    });
}

function numRunsOf(experiment: ImageExperiment): number {
  return experiment.seeds.reduce((sum, seed) => sum + armsOf(experiment, seed).length, 0);
}

/** In words, such as ", 1 h 20 min left". */
export function timeLeft(seconds: number | null): string {
  if (seconds === null) {
    return "";
  }
  const minutes = Math.ceil(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return `, ${hours > 0 ? `${hours} h ` : ""}${minutes % 60} min left`;
}

function tableOf({ arms, comparisons, tests }: ExperimentResult): string {
  const figure = ({ interval, value }: Figure, digits: number) =>
    `${value.toFixed(digits)} [${interval.map(end => end.toFixed(digits)).join(", ")}]`;
  const head =
    "| arm | choice | ΔR mean | ΔR median | win rate | CPS | CPIS | CS | CIS | original |";
  const rowOf = (arm: string, choice: string, figures: Figures, rate: number) =>
    `| ${[
      arm,
      choice,
      figure(figures.meanDeltaR, 3),
      figure(figures.medianDeltaR, 3),
      figure(figures.winRate, 3),
      figure(figures.cps, 1),
      figure(figures.cpis, 1),
      figure(figures.cs, 1),
      figure(figures.cis, 1),
      `${(100 * rate).toFixed(0)} %`,
    ].join(" | ")} |`;
  const rows = arms.flatMap(({ arm, served, ...best }) => [
    rowOf(arm, "best", best, 0),
    rowOf(arm, "served", served, served.originalRate),
  ]);
  const differences = [
    ...tests.map(test => ({ ...test, better: test.baseline, worse: test.other })),
    ...comparisons,
  ].map(
    ({ better, difference, holmPValue, interval, pValue, wilcoxonPValue, worse }) =>
      `| ${[better, worse, figure({ interval, value: difference }, 3), pValue.toFixed(4), holmPValue.toFixed(4), wilcoxonPValue.toFixed(4)].join(" | ")} |`,
  );
  return [
    head,
    head.replace(/[^|]+/g, "---"),
    ...rows,
    "",
    "| arm | less | ΔR mean | bootstrap p | Holm | Wilcoxon p |",
    "|---|---|---|---|---|---|",
    ...differences,
  ].join("\n");
}
