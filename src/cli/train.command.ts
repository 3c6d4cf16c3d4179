/** @file `vitrine train ranker`: trains a new version of the ranking model and, if it is to serve, activates it. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { AppError } from "../errors/app-error.js";
import { createServices } from "../plugin/create-services.js";
import { type CliContext } from "./cli-context.js";
import { wholeNumber } from "./option-values.js";
import { createProgress } from "./progress.js";
import { trainPersonalizerCommand } from "./train-personalizer.command.js";

interface TrainOptions {
  config?: string;
  seed: number;
  activate: boolean;
  resume?: string;
  json?: boolean;
}

async function readConfig(path: string | undefined): Promise<Record<string, unknown>> {
  if (path === undefined) {
    return {};
  }
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new AppError("FILE_NOT_FOUND", { path }, { cause: error });
  });
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new AppError("FILE_MALFORMED", { path, expected: "JSON", reason: String(error) });
  }
}

export function trainCommand(context: CliContext): Command {
  const train = new Command("train").description("train a model on what is imported and indexed");
  train
    .command("ranker")
    .description("train a new version of the ranking model (MICRO)")
    .option("--config <file>", "hyper-parameters as JSON; what it leaves out takes its default")
    .option("--seed <number>", "seed of initial weights and batches", wholeNumber, 1)
    .option("--no-activate", "keep the active version serving")
    .option("--resume <versionId>", "continue a version whose training was interrupted")
    .option("--json", "print one JSON line")
    .action(async ({ config, seed, activate, resume, json }: TrainOptions) => {
      const overrides = await readConfig(config);
      const opened = await context.open();
      const progress = createProgress("train");
      try {
        const services = await createServices(opened);
        const version = await services.rankerTraining.train(
          { versionId: resume ?? randomUUID(), seed, config: overrides, activate },
          {
            signal: opened.signal,
            onProgress: ({ fraction, stage }) => {
              progress.update(fraction, stage);
            },
          },
        );
        progress.stop();
        console.log(
          json
            ? JSON.stringify({
                id: version.id,
                isActive: version.isActive,
                metrics: version.metrics,
              })
            : `version ${version.id} (${version.isActive ? "active" : "not active"})\n${JSON.stringify(version.metrics, null, 2)}`,
        );
        await services.close();
      } finally {
        progress.stop();
        await opened.close();
      }
    });
  train.addCommand(trainPersonalizerCommand(context));
  return train;
}
