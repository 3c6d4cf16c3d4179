/** @file `vitrine experiment <file>`: an experiment on personalised pictures, its table and its results file. */
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Command } from "commander";
import { writeAtomically } from "../ml/nn/safetensors.js";
import { createServices } from "../plugin/create-services.js";
import { pictureExperimentSchema } from "../recsys/experiments/experiment-config.js";
import {
  type ExperimentResult,
  type Figure,
  summarizeOutcomes,
} from "../recsys/experiments/summarize-outcomes.js";
import { type CliContext } from "./cli-context.js";
import { readJsonFile } from "./json-file.js";
import { createProgress } from "./progress.js";

interface Options {
  output?: string;
  json?: boolean;
}

export function experimentCommand(context: CliContext): Command {
  return new Command("experiment")
    .description(
      "run arms x seeds of personalised pictures on held-out users; goes on where it stopped",
    )
    .argument("<file>", "an experiment, such as experiments/stickers.json")
    .option("--output <file>", "where the results go; default results/<name>.json")
    .option("--json", "print one JSON line")
    .action(async (file: string, { json, output }: Options) => {
      const experiment = await readJsonFile(file, "an experiment", pictureExperimentSchema);
      const opened = await context.open();
      const progress = createProgress("experiment");
      try {
        const services = await createServices(opened);
        const startMs = performance.now();
        const runs = await services.pictureExperiments.run(experiment, {
          signal: opened.signal,
          onProgress: ({ fraction, stage }) => {
            progress.update(fraction, stage);
          },
        });
        progress.stop();
        const summary = summarizeOutcomes(runs);
        const path = output ?? join("results", `${experiment.name}.json`);
        await mkdir(dirname(path), { recursive: true });
        const result = {
          experiment,
          command: `vitrine experiment ${file}`,
          commit: await commitOf(),
          generator: services.models.generator,
          clip: services.models.encoder.name,
          seconds: Math.round((performance.now() - startMs) / 1_000),
          ...summary,
          runs,
        };
        await writeAtomically(path, `${JSON.stringify(result, null, 1)}\n`);
        console.log(json ? JSON.stringify({ path, ...summary }) : `${tableOf(summary)}\n${path}`);
        await services.close();
      } finally {
        progress.stop();
        await opened.close();
      }
    });
}

/** Of the working folder; null where there is none. */
async function commitOf(): Promise<string | null> {
  try {
    return (await promisify(execFile)("git", ["rev-parse", "HEAD"])).stdout.trim();
  } catch {
    return null;
  }
}

function tableOf({ arms, comparisons }: ExperimentResult): string {
  const figure = ({ interval, value }: Figure, digits: number) =>
    `${value.toFixed(digits)} [${interval.map(end => end.toFixed(digits)).join(", ")}]`;
  const head = "| arm | ΔR mean | ΔR median | win rate | CPS | CPIS | CS | CIS | not shown |";
  const rows = arms.map(
    arm =>
      `| ${[
        arm.arm,
        figure(arm.meanDeltaR, 3),
        figure(arm.medianDeltaR, 3),
        figure(arm.winRate, 3),
        figure(arm.cps, 1),
        figure(arm.cpis, 1),
        figure(arm.cs, 1),
        figure(arm.cis, 1),
        `${(100 * arm.withFallback.fallbackRate).toFixed(0)} %`,
      ].join(" | ")} |`,
  );
  const tests = comparisons.map(
    ({ better, difference, holmPValue, pValue, wilcoxonPValue, worse }) =>
      `| ${[better, worse, difference.toFixed(3), pValue.toFixed(4), holmPValue.toFixed(4), wilcoxonPValue.toFixed(4)].join(" | ")} |`,
  );
  return [
    head,
    head.replace(/[^|]+/g, "---"),
    ...rows,
    "",
    "| better | worse | ΔR mean | bootstrap p | Holm | Wilcoxon p |",
    "|---|---|---|---|---|---|",
    ...tests,
  ].join("\n");
}
