/** @file A command's catalogue of packs: the built-in one, and the user's. */
import { resolve } from "node:path";
import { bundledPacks, type Config } from "../config/config.js";
import { AppError } from "../errors/app-error.js";
import {
  builtInCataloguePath,
  catalogueSchema,
  type CataloguePack,
  packCatalogue,
} from "../ml/packs/pack-catalogue.js";
import { readJsonFile } from "./json-file.js";

const EXPECTED = "a catalogue of model packs";

/**
 * @param file The user's catalogue. Default: `VITRINE_PACKS`.
 * @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED` with every fault.
 */
export async function loadPackCatalogue(
  { packsFile }: Pick<Config, "packsFile">,
  file?: string,
): Promise<ReadonlyMap<string, CataloguePack>> {
  const builtIn = await readJsonFile(builtInCataloguePath, EXPECTED, catalogueSchema);
  const path = file === undefined ? packsFile : resolve(file);
  if (path === null) {
    return packCatalogue([builtIn]);
  }
  const own = await readJsonFile(path, EXPECTED, catalogueSchema);
  const bundled = bundledPacks.find(name => name in own.packs);
  if (bundled) {
    const reason = `'${bundled}' is a bundled pack's name`;
    throw new AppError("FILE_MALFORMED", { path, expected: EXPECTED, reason });
  }
  return packCatalogue([builtIn, own]);
}

/** A size for people, in powers of ten, as disks and hubs count. */
export function fileSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1_000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}
