/** @file `vitrine models verify`: whether the model pack is whole. */
import { Command } from "commander";
import { loadConfig } from "../config/config.js";
import { openModelPack } from "../ml/runtime/model-pack.js";
import { modelsMeasureCommand } from "./models-measure.command.js";

export function modelsCommand(): Command {
  const models = new Command("models").description("base models");
  models
    .command("verify")
    .description("check every file of the model pack against its checksum")
    .option("--json", "print one JSON line")
    .action(async ({ json }: { json?: boolean }) => {
      const pack = await openModelPack(loadConfig().modelsFolder);
      await pack.verify();
      const answer = { name: pack.name, version: pack.version, folder: pack.dir };
      console.log(
        json
          ? JSON.stringify(answer)
          : `${answer.name}@${answer.version} is whole (${answer.folder})`,
      );
    });
  models.addCommand(modelsMeasureCommand());
  return models;
}
