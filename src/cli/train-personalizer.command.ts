/** @file `vitrine train personalizer`: trains a new version of the personalizer and activates it unless told not to. */
import { Command } from "commander";
import type { PersonalizerMetrics } from "../recsys/reflection/personalizer-trainer.js";
import { trainingCostOf } from "../recsys/reflection/training-cost.js";
import { type CliContext } from "./cli-context.js";
import { readConfigFile } from "./json-file.js";
import { uuid, wholeNumber } from "./option-values.js";
import { trainVersion } from "./versions-command.js";
import { withServices } from "./with-services.js";

interface Options {
  config?: string;
  pairs?: number;
  seed: number;
  activate: boolean;
  resume?: string;
  json?: boolean;
}

export function trainPersonalizerCommand(context: CliContext): Command {
  return new Command("personalizer")
    .description("train a new version of the personalizer, rewarded by the active ranking model")
    .option("--config <file>", "hyper-parameters as JSON; omitted ones take their defaults")
    .option("--pairs <number>", "pairs of user and item to train on", wholeNumber)
    .option("--seed <number>", "seed of weights, pairs and pictures", wholeNumber, 1)
    .option("--no-activate", "leave the active version unchanged")
    .option("--resume <versionId>", "resume a version whose training was interrupted", uuid)
    .option("--json", "print one JSON line")
    .action(async ({ activate, config, json, pairs, resume, seed }: Options) => {
      const overrides = await readConfigFile(config);
      const { version } = await withServices(context, ({ personalizers }, { signal }) => {
        const changed = pairs === undefined ? overrides : { ...overrides, numPairs: pairs };
        return trainVersion(personalizers, { resume, seed, config: changed, activate }, signal);
      });
      const { id, isActive, metrics } = version;
      console.log(
        json
          ? JSON.stringify({ id, isActive, metrics })
          : `version ${id} (${isActive ? "active" : "not active"})\n${speedOf(metrics)}\n${JSON.stringify(metrics, null, 2)}\n${costText(metrics)}`,
      );
    });
}

/** What the training cost, in words. */
function costText(metrics: unknown): string {
  const cost = trainingCostOf(metrics);
  return cost
    ? `cost: ${cost.images} images drawn, ${cost.networkEvaluations} network evaluations for them, ${cost.seconds.toFixed(0)} s`
    : "cost: not counted";
}

/** Speed and memory, in words. */
function speedOf(metrics: unknown): string {
  const { peakMemoryMib, speed } = metrics as PersonalizerMetrics; // as training stored it
  const { gradients, validations, images } = speed.seconds;
  return (
    `${speed.pairsPerSecond.toFixed(2)} pairs/s (${images.toFixed(0)} s for pictures, ${gradients.toFixed(0)} s for ` +
    `gradients, ${validations.toFixed(0)} s for validation), peak memory ${peakMemoryMib.toFixed(0)} MiB`
  );
}
