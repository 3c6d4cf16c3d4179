/** @file Loads a saved ranking model of any algorithm. */
import { configTextOf, malformedConfig, type ModelFiles } from "../nn/model-files.js";
import { Ease, EASE_ALGORITHM } from "./ease.js";
import { Freedom, FREEDOM_ALGORITHM } from "./freedom.js";
import { Ials, IALS_ALGORITHM } from "./ials.js";
import { ItemKnn, ITEM_KNN_ALGORITHM } from "./item-knn.js";
import { BPR_MF_ALGORITHM, LIGHT_GCN_ALGORITHM, LightGcn } from "./light-gcn.js";
import { Micro, MICRO_ALGORITHM } from "./micro.js";
import { Popularity, POPULARITY_ALGORITHM } from "./popularity.js";
import type { Recommender } from "./recommender.js";
import { Vbpr, VBPR_ALGORITHM } from "./vbpr.js";

const loaders: Readonly<Record<string, (files: ModelFiles) => Recommender>> = {
  [MICRO_ALGORITHM]: files => Micro.fromFiles(files),
  [FREEDOM_ALGORITHM]: files => Freedom.fromFiles(files),
  [VBPR_ALGORITHM]: files => Vbpr.fromFiles(files),
  [LIGHT_GCN_ALGORITHM]: files => LightGcn.fromFiles(files),
  [BPR_MF_ALGORITHM]: files => LightGcn.fromFiles(files),
  [EASE_ALGORITHM]: files => Ease.fromFiles(files),
  [IALS_ALGORITHM]: files => Ials.fromFiles(files),
  [ITEM_KNN_ALGORITHM]: files => ItemKnn.fromFiles(files),
  [POPULARITY_ALGORITHM]: files => Popularity.fromFiles(files),
};

/** Loads what any model's `toFiles` gave. @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
export function loadRecommender(files: ModelFiles): Recommender {
  const algorithm = /"algorithm":\s*"([^"]*)"/.exec(configTextOf(files))?.[1] ?? "";
  if (!Object.hasOwn(loaders, algorithm)) {
    const expected = `the configuration of ${Object.keys(loaders).join(" or ")}`;
    throw malformedConfig(expected, `it is of '${algorithm}'`);
  }
  return loaders[algorithm](files);
}
