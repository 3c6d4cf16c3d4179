/** @file `vitrine models`: lists, verifies, fetches and measures packs of base models. */
import { Command } from "commander";
import { bundledPackFolder, bundledPacks, loadConfig, modelPackFolder } from "../config/config.js";
import { openModelPack } from "../ml/runtime/model-pack.js";
import { type CliContext } from "./cli-context.js";
import { modelsListCommand } from "./models-list.command.js";
import { modelsMeasureCommand } from "./models-measure.command.js";
import { modelsPullCommand } from "./models-pull.command.js";
import { withProgress } from "./progress.js";

export function modelsCommand(context: CliContext): Command {
  return new Command("models")
    .description("base models")
    .addCommand(modelsListCommand())
    .addCommand(modelsVerifyCommand())
    .addCommand(modelsPullCommand(context))
    .addCommand(modelsMeasureCommand());
}

function modelsVerifyCommand(): Command {
  return new Command("verify")
    .description("check every file of a model pack against its checksum")
    .argument("[pack]", "name or folder (default: the active one; by 'auto' every bundled one)")
    .option("--json", "print one JSON line")
    .action(async (named: string | undefined, { json }: { json?: boolean }) => {
      const { modelCache, modelsFolder } = loadConfig();
      const active = modelsFolder === null ? bundledPacks.map(bundledPackFolder) : [modelsFolder];
      const folders = named === undefined ? active : [modelPackFolder(named, modelCache)];
      for (const folder of folders) {
        console.log(await verified(folder, json ?? false));
      }
    });
}

/** One line about a pack whose files match. @throws AppError `MODEL_FILE_DAMAGED`, as `openModelPack`. */
async function verified(packFolder: string, json: boolean): Promise<string> {
  const pack = await openModelPack(packFolder);
  await withProgress(pack.name, show =>
    pack.verify((stage, fraction) => {
      show({ fraction, stage });
    }),
  );
  const { dir: folder, manifest, name, version } = pack;
  const numFiles = manifest?.files.length ?? 0;
  const verdict = manifest
    ? `is complete: ${numFiles} files match their checksums`
    : "opens; it has no manifest.json, so there are no checksums to compare";
  return json
    ? JSON.stringify({ name, version, folder, numFiles })
    : `${name}@${version} ${verdict} (${folder})`;
}
