/** @file Item features that `vitrine train ranker` is given: a matrix and the ids of its rows. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { AppError } from "../errors/app-error.js";
import { parseJson } from "../errors/parse-options.js";
import type { Matrix } from "../ml/nn/matrix.js";
import { parseNpy } from "../ml/nn/npy.js";
import type { OwnFeatures, OwnFeaturesStore } from "../recsys/ranking/own-features.js";

interface FeatureOptions {
  features?: string;
  featureIds?: string;
  modality: string;
}

/** Features that have been read, to be kept in the shop's store. */
interface ReadFeatures {
  /** Says how many rows are of items that are not in the catalogue. */
  keep(store: Pick<OwnFeaturesStore, "keep">): Promise<OwnFeatures>;
}

/**
 * Null without `--features`.
 *
 * @param resume A version that is resumed keeps the features that it began with.
 * @throws AppError INVALID_ARGUMENT, FILE_NOT_FOUND, FILE_MALFORMED
 */
export async function readFeatures(
  { featureIds, features: path, modality }: FeatureOptions,
  resume: string | undefined,
): Promise<ReadFeatures | null> {
  if (path === undefined && featureIds === undefined) {
    return null;
  }
  if (path === undefined || featureIds === undefined) {
    const argument = path === undefined ? "--features" : "--feature-ids";
    throw new AppError("INVALID_ARGUMENT", {
      argument,
      problem: "is missing: --features and --feature-ids are given together",
    });
  }
  if (resume !== undefined) {
    const problem =
      "cannot be given with --resume: a version keeps the features that it began with";
    throw new AppError("INVALID_ARGUMENT", { argument: "--features", problem });
  }
  const features = parseNpy(await contentOf(path), path);
  const itemIds = idsOf((await contentOf(featureIds)).toString("utf8"), featureIds);
  return { keep: store => keep(store, { modality, features, itemIds }) };
}

async function keep(
  store: Pick<OwnFeaturesStore, "keep">,
  { features, itemIds, modality }: { modality: string; features: Matrix; itemIds: string[] },
): Promise<OwnFeatures> {
  const { kept, numUnknown } = await store.keep(modality, features, itemIds);
  console.error(
    `features '${kept.modality}': ${kept.width} values of ${kept.numItems} items` +
      (numUnknown > 0 ? `; ${numUnknown} rows are of items that are not in the catalogue` : ""),
  );
  return kept;
}

/** A JSON array of texts or numbers, or one id a line. */
function idsOf(text: string, path: string): string[] {
  if (!text.trimStart().startsWith("[")) {
    return text
      .split("\n")
      .map(line => line.trim())
      .filter(line => line !== "");
  }
  const ids = parseJson(
    text,
    z.array(z.union([z.string(), z.int()])),
    reason => new AppError("FILE_MALFORMED", { path, expected: "a list of item ids", reason }),
  );
  return ids.map(String);
}

async function contentOf(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    throw new AppError("FILE_NOT_FOUND", { path }, { cause: error });
  });
}
