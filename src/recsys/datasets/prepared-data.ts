/**
 * @file A data set prepared elsewhere: item features and splits of each user's items. ml-latest-small comes in this
 * form, with the official MICRO's inputs, for comparable figures.
 *
 * `features/<file>.npy` with `features/<file's kind>_movie_ids.json` for its rows; `split/{train,val,test}.json`, lists
 * of item indices by user index; `split/{item_movie_ids,user_ids}.json`, the ids of the indices. Splits by time use the
 * rows of `ratings.csv` (`userId,movieId,rating,timestamp`) in which those items were liked (`defaultFeedbackRules`: 4
 * stars and above).
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { defaultFeedbackRules } from "../../config/feedback-rules.js";
import { isChoice } from "../../db/choices.js";
import { readLocal } from "../../db/local-files.js";
import { AppError } from "../../errors/app-error.js";
import { parseJson } from "../../errors/parse-options.js";
import { gatherRows } from "../../ml/nn/matrix.js";
import { parseNpy } from "../../ml/nn/npy.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import type { Modality } from "../../ml/ranking/recommender.js";
import {
  leaveLastOneSplit,
  randomSplit,
  ratioSplit,
  type Split,
  timeSplit,
  type TimeShares,
} from "../evaluation/splits.js";
import { csvRows } from "../import/csv-rows.js";

/** `official`: as stored, random per user by the official MICRO (seed 123); the others are computed here. */
export const splitKinds = ["official", "time", "random", "leaveLastOne", "ratio"] as const;
export type SplitKind = (typeof splitKinds)[number];

export interface PreparedData {
  numUsers: number;
  numItems: number;
  modalities: readonly Modality[];
  /** SHA-256 of features and ids. */
  dataHash: string;
  /**
   * @param seed Used by `random` only.
   * @param shares Used by `time` only: other cuts than the default.
   * @throws AppError FILE_NOT_FOUND, FILE_MALFORMED
   */
  split(kind: SplitKind, seed: number, shares?: TimeShares): Promise<Split>;
  /** The same without the test part, which is not even read: for the choice of hyper-parameters. */
  tuningSplit(kind: SplitKind, seed: number): Promise<Omit<Split, "test">>;
}

const featureFiles = [
  { name: "visual", file: "image_mobilenetv2", ids: "image_movie_ids" },
  { name: "textual", file: "text_use_lite", ids: "text_movie_ids" },
] as const;

const ids = z.array(z.int());
const itemLists = z.record(z.string().regex(/^\d+$/), ids);

/** @throws AppError FILE_NOT_FOUND, FILE_MALFORMED */
export async function readPreparedData(folder: string): Promise<PreparedData> {
  const itemIds = await readJson(join(folder, "split", "item_movie_ids.json"), ids);
  const userIds = await readJson(join(folder, "split", "user_ids.json"), ids);
  const modalities: Modality[] = [];
  for (const { name, file, ids: idFile } of featureFiles) {
    const path = join(folder, "features", `${file}.npy`);
    const rows = await readJson(join(folder, "features", `${idFile}.json`), ids);
    const rowOf = new Map(rows.map((id, index) => [id, index]));
    const features = parseNpy(await readLocal(path), path);
    const missing = itemIds.find(id => !(rowOf.get(id)! < features.shape[0]));
    if (missing !== undefined) {
      const reason = `it has no row for item ${missing}`;
      throw new AppError("FILE_MALFORMED", { path, expected: "features of all items", reason });
    }
    modalities.push({
      name,
      features: gatherRows(
        features,
        itemIds.map(id => rowOf.get(id)!),
      ),
    });
  }
  const hash = createHash("sha256").update(JSON.stringify([userIds, itemIds]));
  modalities.forEach(({ name, features }) => hash.update(name).update(features.values));
  const part = (name: string) =>
    readPart(join(folder, "split", `${name}.json`), userIds.length, itemIds.length);
  const likes = () => likesOf(join(folder, "ratings.csv"), userIds, itemIds);
  const made = async (kind: Exclude<SplitKind, "official">, seed: number, shares?: TimeShares) =>
    kind === "time" ? timeSplitOf(await likes(), shares) : madeSplit(kind, await likes(), seed);
  return {
    numUsers: userIds.length,
    numItems: itemIds.length,
    modalities,
    dataHash: hash.digest("hex"),
    async tuningSplit(kind, seed) {
      if (kind === "official") {
        return { train: await part("train"), validation: await part("val") };
      }
      const { train, validation } = await made(kind, seed);
      return { train, validation };
    },
    async split(kind, seed, shares) {
      return kind === "official"
        ? { train: await part("train"), validation: await part("val"), test: await part("test") }
        : made(kind, seed, shares);
    },
  };
}

function timeSplitOf({ timelines, times }: Likes, shares?: TimeShares): Split {
  return timeSplit(timelines, times, shares);
}

function madeSplit(
  kind: Exclude<SplitKind, "official" | "time">,
  { timelines }: Likes,
  seed: number,
): Split {
  switch (kind) {
    case "random":
      return randomSplit(timelines, new Random(seedFrom("split", seed)));
    case "leaveLastOne":
      return leaveLastOneSplit(timelines);
    case "ratio":
      return ratioSplit(timelines);
  }
}

/** Each user's liked items by the time of rating, ties by item. */
interface Likes {
  timelines: number[][];
  /** In seconds since 1970. */
  times: number[][];
}

async function likesOf(
  path: string,
  userIds: readonly number[],
  itemIds: readonly number[],
): Promise<Likes> {
  const userOf = new Map(userIds.map((id, index) => [String(id), index]));
  const itemOf = new Map(itemIds.map((id, index) => [String(id), index]));
  const events = userIds.map((): { item: number; time: number }[] => []);
  const required = ["userId", "movieId", "rating", "timestamp"];
  for await (const { value } of csvRows(path, "ratings.csv", { required })) {
    const { userId, movieId, rating, timestamp } = value as Record<string, string>; // named in `required`
    const user = userOf.get(userId);
    const item = itemOf.get(movieId);
    if (
      user !== undefined &&
      item !== undefined &&
      isChoice({ kind: "RATING", weight: Number(rating) }, defaultFeedbackRules)
    ) {
      events[user].push({ item, time: Number(timestamp) });
    }
  }
  events.forEach(own => own.sort((a, b) => a.time - b.time || a.item - b.item));
  return {
    timelines: events.map(own => own.map(({ item }) => item)),
    times: events.map(own => own.map(({ time }) => time)),
  };
}

async function readPart(path: string, numUsers: number, numItems: number): Promise<Int32Array[]> {
  const lists = await readJson(path, itemLists);
  const part = Array.from({ length: numUsers }, (_, user) =>
    Int32Array.from(lists[user] ?? []).sort(),
  );
  if (part.some(items => items.some(item => item < 0 || item >= numItems))) {
    const expected = `lists of items below ${numItems}`;
    throw new AppError("FILE_MALFORMED", { path, expected, reason: "it has others" });
  }
  return part;
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const expected = "a part of a prepared data set";
  return parseJson(
    (await readLocal(path)).toString("utf8"),
    schema,
    reason => new AppError("FILE_MALFORMED", { path, expected, reason: reason.slice(0, 200) }),
  );
}
