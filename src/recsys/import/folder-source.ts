/** @file The source of an import job: a kind, and a folder in that kind's layout. */
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { pathExists } from "../../db/local-files.js";
import { AppError } from "../../errors/app-error.js";
import { MovieLensSource } from "../datasets/movielens.js";
import { StickersSource } from "../datasets/stickers.js";
import { CatalogueSource } from "./catalogue.js";
import type { ImportSource } from "./import-source.js";

/** What an `IMPORT` job imports. */
export const importPayload = z
  .strictObject({
    source: z.enum(["stickers", "movielens", "catalogue"]),
    /** Null for the stickers. */
    folder: z.string().refine(isAbsolute, "must be an absolute path").nullable(),
    /** Of the simulated users of the stickers; null: their default. */
    seed: z.int().nullable(),
  })
  .refine(({ source, folder }) => (source === "stickers") === (folder === null), {
    path: ["folder"],
    message: "is needed by all sources but the stickers",
  });

/** Usual file names of a catalogue; the first existing one is used. */
const endings = ["csv", "tsv", "jsonl", "ndjson", "json", "xml", "parquet"].flatMap(ending => [
  ending,
  `${ending}.gz`,
]);
const catalogueFiles = {
  items: endings.map(ending => `items.${ending}`),
  interactions: endings.map(ending => `interactions.${ending}`),
  images: ["images"],
};

/**
 * The source in a folder. A catalogue has `items.csv`, `interactions.csv` (or .tsv, .jsonl, .ndjson, .json, .xml,
 * .parquet, each also with .gz; one of the two is enough) and an optional folder `images`. The stickers come from the
 * package and need no folder.
 *
 * @throws AppError `INVALID_ARGUMENT`, `FILE_NOT_FOUND`
 */
export function folderSource(
  kind: Exclude<ImportSource["kind"], "photos">,
  folder: string | null,
  { seed, isOffline }: { seed: number | null; isOffline: boolean },
): ImportSource {
  if (kind === "stickers") {
    return new StickersSource(seed === null ? {} : { users: { seed } });
  }
  if (folder === null) {
    throw new AppError("INVALID_ARGUMENT", { argument: "folder", problem: "is needed" });
  }
  if (kind === "movielens") {
    return new MovieLensSource(folder);
  }
  const find = (names: readonly string[]) => names.map(name => join(folder, name)).find(pathExists);
  const items = find(catalogueFiles.items);
  const interactions = find(catalogueFiles.interactions);
  if (items === undefined && interactions === undefined) {
    throw new AppError("FILE_NOT_FOUND", { path: join(folder, catalogueFiles.items[0]) });
  }
  const images = find(catalogueFiles.images);
  return new CatalogueSource({ items, interactions, images, remote: { isOffline } });
}
