/** @file `vitrine train ranker`: trains a new version of the ranking model and activates it unless it is worse. */
import { randomUUID } from "node:crypto";
import { Command } from "commander";
import type { RankingModelVersionRow } from "../db/rows.js";
import { createServices } from "../plugin/create-services.js";
import { type Activation, activationText } from "../recsys/ranking/activation.js";
import { imagesUnrankedText, ranksImages } from "../recsys/ranking/image-ranking.js";
import { type CliContext } from "./cli-context.js";
import { jsonObject, readJsonFile } from "./json-file.js";
import { uuid, wholeNumber } from "./option-values.js";
import { createProgress } from "./progress.js";
import { trainPersonalizerCommand } from "./train-personalizer.command.js";

interface TrainOptions {
  config?: string;
  seed: number;
  activate?: boolean;
  resume?: string;
  json?: boolean;
}

export function trainCommand(context: CliContext): Command {
  const train = new Command("train").description("train a model on the imported and indexed data");
  train
    .command("ranker")
    .description(
      "train a new version of the ranking model (default: MICRO); it serves unless it is worse on validation than the active one",
    )
    .option("--config <file>", "hyper-parameters as JSON; omitted ones take their defaults")
    .option("--seed <number>", "seed of initial weights and batches", wholeNumber, 1)
    .option("--activate", "serve the new version even if it is worse on validation")
    .option("--no-activate", "leave the active version unchanged")
    .option("--resume <versionId>", "resume a version whose training was interrupted", uuid)
    .option("--json", "print one JSON line")
    .action(async ({ config, seed, activate, resume, json }: TrainOptions) => {
      const overrides =
        config === undefined ? {} : await readJsonFile(config, "a configuration", jsonObject);
      const opened = await context.open();
      const progress = createProgress("train");
      try {
        const services = await createServices(opened);
        if (resume !== undefined) {
          await services.rankers.find(resume);
        }
        const versionId = resume ?? randomUUID();
        console.error(`version ${versionId}; to resume it: --resume ${versionId}`);
        const { version, activation } = await services.rankerTraining.train(
          { versionId, seed, config: overrides, activate: activate ?? null },
          {
            signal: opened.signal,
            onProgress: ({ fraction, stage }) => {
              progress.update(fraction, stage);
            },
          },
        );
        progress.stop();
        console.log(
          json ? JSON.stringify(reportOf(version, activation)) : described(version, activation),
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

function reportOf(
  { id, algorithm, config, dataHash, isActive, metrics, seed }: RankingModelVersionRow,
  activation: Activation,
) {
  return { id, algorithm, isActive, activation, config, seed, dataHash, metrics };
}

function described(version: RankingModelVersionRow, activation: Activation): string {
  const { id, isActive, metrics } = version;
  return [
    `version ${id} (${isActive ? "active" : "not active"})`,
    activationText(activation),
    ...(ranksImages(version) ? [] : [imagesUnrankedText(version.algorithm)]),
    JSON.stringify(metrics, null, 2),
  ].join("\n");
}
