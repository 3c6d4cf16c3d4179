/** @file `vitrine models list`: every pack that is present or can be fetched. */
import { Command } from "commander";
import { bundledPackFolder, bundledPacks, loadConfig } from "../config/config.js";
import { FolderArtefactStore } from "../db/artefact-store.js";
import { type KnownPack, listPacks } from "../ml/packs/known-packs.js";
import { describe, storedPackChoice } from "../plugin/choose-pack.js";
import { storedVerdict } from "../recsys/catalogue/catalogue-kind.service.js";
import { fileSize, loadPackCatalogue } from "./pack-catalogue.js";

const PLACES: Readonly<Record<KnownPack["where"], string>> = {
  absent: "not present",
  bundled: "bundled",
  cached: "cached",
  folder: "folder",
};

export function modelsListCommand(): Command {
  return new Command("list")
    .description("every pack that is present or can be fetched; * marks the active one")
    .option("--packs <file>", "a catalogue of further packs (default: VITRINE_PACKS)")
    .option("--json", "print one JSON array")
    .action(async ({ json, packs: file }: { json?: boolean; packs?: string }) => {
      const config = loadConfig();
      const store = new FolderArtefactStore(config.home);
      const chosen = config.modelsFolder === null ? await storedPackChoice(store) : null;
      const packs = await listPacks({
        bundledFolders: bundledPacks.map(bundledPackFolder),
        cacheFolder: config.modelCache,
        usedFolder: config.modelsFolder ?? (chosen && bundledPackFolder(chosen.pack)),
        catalogue: await loadPackCatalogue(config, file),
      });
      if (json) {
        console.log(JSON.stringify(packs));
        return;
      }
      const verdict = await storedVerdict(store);
      console.log(tableOf(packs));
      if (config.modelsFolder === null) {
        console.log(`auto: ${verdict ? describe(verdict) : "no verdict on the catalogue yet"}`);
      }
    });
}

/** A row for each pack, then its parts and faults. */
function tableOf(packs: readonly KnownPack[]): string {
  const rows = packs.map(pack => [
    `${pack.isInUse ? "*" : " "} ${pack.name}`,
    pack.version ?? "-",
    PLACES[pack.where],
    pack.sizeBytes === null ? "size unknown" : fileSize(pack.sizeBytes),
    pack.licenses.join("; "),
  ]);
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)));
  return packs
    .flatMap((pack, i) => [
      rows[i]
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
      ...(pack.parts.length > 0 ? [`    ${pack.parts.join(", ")}`] : []),
      ...(pack.folder ? [`    ${pack.folder}`] : []),
      ...(pack.isOutdated
        ? [`    the catalogue changed since it was fetched: 'vitrine models pull ${pack.name}'`]
        : []),
      ...(pack.fault ? [`    ${pack.fault}`] : []),
    ])
    .join("\n");
}
