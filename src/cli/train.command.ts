/** @file `vitrine train ranker`: trains a new version of the ranking model and activates it unless it is worse. */
import { randomUUID } from "node:crypto";
import { Command } from "commander";
import type { RankingModelVersionRow } from "../db/rows.js";
import { type Activation, activationText } from "../recsys/ranking/activation.js";
import { imagesUnrankedText, ranksImages } from "../recsys/ranking/image-ranking.js";
import { type CliContext } from "./cli-context.js";
import { readConfigFile } from "./json-file.js";
import { uuid, wholeNumber } from "./option-values.js";
import { withProgress } from "./progress.js";
import { trainPersonalizerCommand } from "./train-personalizer.command.js";
import { withServices } from "./with-services.js";

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
      const overrides = await readConfigFile(config);
      const { version, activation } = await withServices(
        context,
        async ({ rankers, rankerTraining }, { signal }) => {
          const versionId = resume ?? randomUUID();
          if (resume !== undefined) {
            await rankers.find(resume);
          }
          console.error(`version ${versionId}; to resume it: --resume ${versionId}`);
          const request = { versionId, seed, config: overrides, activate: activate ?? null };
          return withProgress("train", onProgress =>
            rankerTraining.train(request, { signal, onProgress }),
          );
        },
      );
      console.log(
        json ? JSON.stringify(reportOf(version, activation)) : described(version, activation),
      );
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
