/** @file `vitrine import …`: imports catalogues and interactions; resumes an interrupted import. */
import { Command } from "commander";
import { loadConfig } from "../config/config.js";
import { createImports } from "../plugin/create-catalogue.js";
import { createStorage } from "../plugin/create-storage.js";
import { MovieLensSource } from "../recsys/datasets/movielens.js";
import { PhotosSource } from "../recsys/datasets/photos.js";
import { type StickerCaptionKind, stickerCaptionKinds } from "../recsys/datasets/sticker-art.js";
import { StickersSource } from "../recsys/datasets/stickers.js";
import type { ImportProgress, ImportResult } from "../recsys/import/catalogue-import.service.js";
import { CatalogueSource } from "../recsys/import/catalogue.js";
import { describeDryRun, dryRun } from "../recsys/import/dry-run.js";
import type { ImportSource } from "../recsys/import/import-source.js";
import type { TallyLine } from "../recsys/import/tally.js";
import { type ReadingFlags, tableOptions, withReadingOptions } from "./catalogue-options.js";
import type { CliContext } from "./cli-context.js";
import { oneOf, wholeNumber } from "./option-values.js";
import { chosenShops, type ShopFolders, withShopOptions } from "./photo-shop-options.js";
import { type ShownProgress, withProgress } from "./progress.js";
import { withDatabase } from "./with-services.js";

interface ImportFlags {
  json?: boolean;
  restart?: boolean;
}

interface CatalogueFlags extends ImportFlags, ReadingFlags {
  dryRun?: boolean;
  items?: string;
  interactions?: string;
  images?: string;
  allowPrivate?: boolean;
  refetchImages?: boolean;
}

interface StickerFlags extends ImportFlags {
  captions?: StickerCaptionKind;
  concepts?: number;
  users?: number;
  seed?: number;
}

interface PhotoFlags {
  users?: number;
}

export function importCommand(context: CliContext): Command {
  const command = new Command("import").description("import a catalogue and its interactions");
  withFlags(command.command("movielens <folder>"))
    .description("MovieLens: ratings.csv, movies.csv and, optionally, captions.csv and posters/")
    .action((folder: string, flags: ImportFlags) =>
      runImport(context, new MovieLensSource(folder), flags),
    );
  withReadingOptions(withFlags(command.command("catalogue")))
    .description("a shop's own catalogue, as exported")
    .option("--items <file>", "items")
    .option("--interactions <file>", "interactions of users with items")
    .option("--images <folder>", "images, named by item id or by the column 'image'")
    .option("--allow-private", "also fetch images from private addresses")
    .option("--refetch-images", "read every image again, even from known addresses")
    .option(
      "--dry-run",
      "report what would be imported, by column, with the first faults; store nothing",
    )
    .action((flags: CatalogueFlags) => importCatalogue(context, flags));
  withFlags(command.command("stickers"))
    .description("the sticker shop: openly licensed emoji art and simulated shoppers")
    .option("--concepts <number>", "number of concepts to import (default: all)", wholeNumber)
    .option(
      "--captions <kind>",
      "'looks' name the colours and the style of each sticker, 'titles' only what it shows (default: looks)",
      oneOf(stickerCaptionKinds),
    )
    .option("--users <number>", "number of simulated shoppers (default: 400)", wholeNumber)
    .option("--seed <number>", "seed of the shoppers (default: 7)", wholeNumber)
    .action(({ captions, concepts, users, seed, ...flags }: StickerFlags) => {
      const changes = {
        ...(users === undefined ? {} : { numUsers: users }),
        ...(seed === undefined ? {} : { seed }),
      };
      const source = new StickersSource({ captions, limitConcepts: concepts, users: changes });
      return runImport(context, source, flags);
    });
  withShopOptions(withFlags(command.command("photos")))
    .description("photographs of public shops and simulated shoppers")
    .option("--users <number>", "number of simulated shoppers (default: 400)", wholeNumber)
    .action(({ users, json, restart, ...folders }: ImportFlags & ShopFolders & PhotoFlags) => {
      const source = new PhotosSource({
        shops: chosenShops(folders),
        users: users === undefined ? {} : { numUsers: users },
      });
      return runImport(context, source, { json, restart });
    });
  return command;
}

async function importCatalogue(
  context: CliContext,
  { items, interactions, images, allowPrivate, refetchImages, ...flags }: CatalogueFlags,
): Promise<void> {
  const { json = false, restart, dryRun: isDryRun, ...reading } = flags;
  const remote = { allowPrivate: allowPrivate ?? false, isOffline: loadConfig().isOffline };
  const files = { items, interactions, images, remote, refetchImages };
  const source = new CatalogueSource({ ...files, ...tableOptions(reading) });
  if (isDryRun) {
    const report = await dryRun(source);
    console.log(json ? JSON.stringify(report) : describeDryRun(report));
    return;
  }
  // Reopens a completed import of the same files to read their images again.
  await runImport(context, source, { json, restart: restart ?? refetchImages });
}

function describeWarnings(warnings: readonly TallyLine[]): string[] {
  return warnings.flatMap(({ kind, count, first }) => [
    `  warning, ${count} rows: ${kind}`,
    ...first.map(one => `    ${one}`),
  ]);
}

function withFlags(command: Command): Command {
  return command
    .option("--restart", "start over, even if the source changed or the import was completed")
    .option("--json", "print the result as one JSON line");
}

async function runImport(
  context: CliContext,
  source: ImportSource,
  { json = false, restart = false }: ImportFlags,
): Promise<void> {
  const result = await withDatabase(context, ({ db, config, signal }) =>
    withProgress(null, show =>
      createImports(createStorage(db, config)).run(source, {
        restart,
        signal,
        onProgress: progress => {
          show(shownProgress(progress));
        },
      }),
    ),
  );
  const { reading = [], warnings = [] } = source instanceof CatalogueSource ? source : {};
  if (json) {
    console.log(JSON.stringify({ ...result, reading, warnings }));
  } else {
    const told = reading.map(line => `  read ${line}`);
    console.log([describe(result), ...told, ...describeWarnings(warnings)].join("\n"));
  }
}

/** One bar for each part of an import. */
function shownProgress({ part, done, total, rejected }: ImportProgress): ShownProgress {
  const ofTotal = total === null ? "" : `/${Math.max(total, done)}`;
  return {
    label: part,
    fraction: total ? Math.min(1, done / total) : 0,
    stage: `${done}${ofTotal} rows, ${rejected} rejected`,
  };
}

function describe(result: ImportResult): string {
  const { kind, wasComplete, retried, counts, rejectsPath } = result;
  const parts = Object.entries(counts).flatMap(([part, { accepted, rejected, replaced = 0 }]) => [
    `  ${part}: ${accepted} accepted, ${rejected} rejected`,
    ...(replaced > 0 ? [`    ${replaced} rows replaced earlier ones with the same id`] : []),
  ]);
  const again = `was already imported; retried what had failed: ${retried.join(", ")}`;
  return [
    `${kind}: ${retried.length > 0 ? again : wasComplete ? "was already imported" : "imported"}`,
    ...parts,
    ...(rejectsPath === null ? [] : [`  rejected rows: ${rejectsPath}`]),
  ].join("\n");
}
