/** @file Loads a saved ranking model of any algorithm. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../errors/app-error.js";
import { Freedom, FREEDOM_ALGORITHM } from "./freedom.js";
import { BPR_MF_ALGORITHM, LIGHT_GCN_ALGORITHM, LightGcn } from "./light-gcn.js";
import { Micro, MICRO_ALGORITHM } from "./micro.js";
import { Popularity, POPULARITY_ALGORITHM } from "./popularity.js";
import type { Recommender } from "./recommender.js";

const loaders: Readonly<Record<string, (directory: string) => Promise<Recommender>>> = {
  [MICRO_ALGORITHM]: directory => Micro.load(directory),
  [FREEDOM_ALGORITHM]: directory => Freedom.load(directory),
  [LIGHT_GCN_ALGORITHM]: directory => LightGcn.load(directory),
  [BPR_MF_ALGORITHM]: directory => LightGcn.load(directory),
  [POPULARITY_ALGORITHM]: directory => Popularity.load(directory),
};

/** Loads what any model's `save` wrote. @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
export async function loadRecommender(directory: string): Promise<Recommender> {
  const path = join(directory, "config.json");
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new AppError("FILE_NOT_FOUND", { path }) : error;
  });
  const algorithm = /"algorithm":\s*"([^"]*)"/.exec(text)?.[1] ?? "";
  if (!Object.hasOwn(loaders, algorithm)) {
    const expected = `the configuration of ${Object.keys(loaders).join(" or ")}`;
    throw new AppError("FILE_MALFORMED", { path, expected, reason: `it is of '${algorithm}'` });
  }
  return loaders[algorithm](directory);
}
