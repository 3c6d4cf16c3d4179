/** @file `vitrine train ranker`: trains a new version of the ranking model and activates it unless it is worse. */
import { Command } from "commander";
import type { RankingModelVersionRow } from "../db/rows.js";
import { type Activation, activationText } from "../recsys/ranking/activation.js";
import { imagesWarning } from "../recsys/ranking/image-ranking.js";
import { type CliContext } from "./cli-context.js";
import { readFeatures } from "./feature-files.js";
import { readConfigFile } from "./json-file.js";
import { uuid, wholeNumber } from "./option-values.js";
import { trainPersonalizerCommand } from "./train-personalizer.command.js";
import { trainVersion } from "./versions-command.js";
import { withServices } from "./with-services.js";

interface TrainOptions {
  config?: string;
  features?: string;
  featureIds?: string;
  modality: string;
  seed: number;
  activate?: boolean;
  refit: boolean;
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
    .option(
      "--features <file>",
      "item features of your own: a .npy file of float32 or float16, one row for each id of --feature-ids",
    )
    .option("--feature-ids <file>", "item ids of the rows: a JSON array, or one id a line")
    .option(
      "--modality <name>",
      "what the features are: visual and textual replace the model pack's, another name is one more modality",
      "visual",
    )
    .option("--seed <number>", "seed of initial weights and batches", wholeNumber, 1)
    .option("--activate", "serve the new version even if it is worse on validation")
    .option("--no-activate", "leave the active version unchanged")
    .option("--no-refit", "serve the model of the train part, not one of all interactions")
    .option("--resume <versionId>", "resume a version whose training was interrupted", uuid)
    .option("--json", "print one JSON line")
    .action(async ({ activate, config, json, refit, resume, seed, ...own }: TrainOptions) => {
      const overrides = await readConfigFile(config);
      const features = await readFeatures(own, resume);
      const trained = await withServices(context, async ({ ownFeatures, rankers }, { signal }) => {
        const kept = features && { features: [await features.keep(ownFeatures)] };
        const request = {
          resume,
          seed,
          config: { ...overrides, ...kept, ...(!refit && { refit }) },
          activate: activate ?? null,
        };
        return trainVersion(rankers, request, signal);
      });
      console.log(json ? JSON.stringify(reportOf(trained)) : described(trained));
    });
  train.addCommand(trainPersonalizerCommand(context));
  return train;
}

interface Trained {
  version: RankingModelVersionRow;
  activation: Activation;
}

function reportOf({ version, activation }: Trained) {
  const { id, algorithm, config, dataHash, isActive, metrics, seed } = version;
  return { id, algorithm, isActive, activation, config, seed, dataHash, metrics };
}

function described({ version, activation }: Trained): string {
  const { id, isActive, metrics } = version;
  return [
    `version ${id} (${isActive ? "active" : "not active"})`,
    activationText(activation),
    ...[imagesWarning(version) ?? []].flat(),
    JSON.stringify(metrics, null, 2),
  ].join("\n");
}
