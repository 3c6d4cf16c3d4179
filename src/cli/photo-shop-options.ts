/** @file The photo shops that a command reads, and the data folder of each choice of them. */
import { resolve } from "node:path";
import { type Command } from "commander";
import { bundledPackFolder, type Config } from "../config/config.js";
import { AppError } from "../errors/app-error.js";
import { photoShopNames, type PhotoShopName } from "../recsys/datasets/photo-shops.js";
import type { PhotoShop } from "../recsys/datasets/photos.js";

export type ShopFolders = Partial<Record<PhotoShopName, string>>;

export function withShopOptions(command: Command): Command {
  return command
    .option("--luma <folder>", "Magento's sample data: fixtures/*.csv and images/")
    .option("--clothing <folder>", "the clothing dataset (CC0): images.csv and images/")
    .option("--vendure <folder>", "the npm package @vendure/create");
}

/** @param limit Products of each shop. @throws AppError `INVALID_ARGUMENT` when none is given. */
export function chosenShops(
  folders: ShopFolders,
  limit?: number,
): Partial<Record<PhotoShopName, PhotoShop>> {
  const chosen = photoShopNames.flatMap(name => {
    const { [name]: folder } = folders;
    return folder === undefined ? [] : [[name, { folder: resolve(folder), limit }] as const];
  });
  if (chosen.length === 0) {
    const problem = "or --clothing or --vendure must be given";
    throw new AppError("INVALID_ARGUMENT", { argument: "--luma", problem });
  }
  return Object.fromEntries(chosen);
}

/** Photographs are made with the pack for photographs. */
export function forPhotographs(config: Config): Config {
  return { ...config, modelsFolder: bundledPackFolder("studio") };
}
