/** @file `vitrine models pull`: fetches a pack by name; resumes an interrupted pull. */
import { Command } from "commander";
import { bundledPackFolder, type Config, isBundledPack, loadConfig } from "../config/config.js";
import { lockFolder } from "../db/folder-lock.js";
import { AppError } from "../errors/app-error.js";
import { Hub } from "../ml/packs/hub.js";
import { pullPack, type PullResult } from "../ml/packs/pull-pack.js";
import { openModelPack } from "../ml/runtime/model-pack.js";
import { type CliContext } from "./cli-context.js";
import { fileSize, loadPackCatalogue } from "./pack-catalogue.js";
import { withProgress } from "./progress.js";

interface PullFlags {
  packs?: string;
  refresh?: boolean;
  json?: boolean;
}

export function modelsPullCommand(context: CliContext): Command {
  return new Command("pull")
    .description("fetch a pack into the cache; resumes an interrupted pull")
    .argument("<name>", "a name of 'vitrine models list'")
    .option("--packs <file>", "a catalogue of further packs (default: VITRINE_PACKS)")
    .option("--refresh", "ask the hub again and replace changed or damaged files")
    .option("--json", "print one JSON line")
    .action((name: string, flags: PullFlags) => pull(name, flags, context));
}

async function pull(name: string, flags: PullFlags, context: CliContext): Promise<void> {
  const config = loadConfig();
  if (isBundledPack(name)) {
    const pack = await openModelPack(bundledPackFolder(name));
    const result = { name, version: pack.version, folder: pack.dir, isNew: false };
    console.log(flags.json ? JSON.stringify(result) : `${name} is bundled: nothing to fetch`);
    return;
  }
  const catalogue = await loadPackCatalogue(config, flags.packs);
  const entry = catalogue.get(name);
  if (!entry) {
    const known = [...catalogue.keys()].join(", ");
    throw new AppError("MODEL_PACK_UNKNOWN", { pack: name, known });
  }
  const result = await withProgress(name, show =>
    pullPack(entry, {
      cacheFolder: config.modelCache,
      connect: () => connect(config, name),
      lock: lockFolder,
      refresh: flags.refresh,
      signal: context.interruptible(),
      onProgress: ({ doneBytes, path, totalBytes }) => {
        const fraction = totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 0;
        show({ fraction, stage: `${fileSize(doneBytes)} of ${fileSize(totalBytes)}  ${path}` });
      },
    }),
  );
  const { version } = await openModelPack(result.folder);
  console.log(
    flags.json ? JSON.stringify({ name, version, ...result }) : textOf(name, version, result),
  );
}

function connect({ hubToken, hubUrl, isOffline }: Config, name: string): Hub {
  if (isOffline) {
    throw new AppError("OFFLINE", { what: `the model pack '${name}'` });
  }
  return new Hub({ baseUrl: hubUrl, token: hubToken });
}

function textOf(name: string, version: string, result: PullResult): string {
  const { folder, isNew, sizeBytes, unvouched } = result;
  const lines = [
    isNew
      ? `${name}@${version}: ${fileSize(sizeBytes)} in ${folder}; use it with VITRINE_MODELS=${name}`
      : `${name}@${version} is already present (${folder})`,
  ];
  if (isNew && unvouched.length > 0) {
    lines.push(
      `no checksum was known for ${unvouched.join(", ")}: the received ones are now recorded`,
    );
  }
  return lines.join("\n");
}
