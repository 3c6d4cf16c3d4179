/**
 * ml-latest-small as the official MICRO saw it: 601 users, 1,952 items, picture features of 1,280 and text features of 512,
 * the official random split. Read in place from the folder a user names; never part of this repository.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readPreparedData } from "../../dist/recsys/datasets/prepared-data.js";

/** Where the data lies beside a checkout. */
export const DEFAULT_DATA = "../shared/data/ml-latest-small";

/** What MICRO learns from; null where the folder is absent. */
export async function readMlLatest(folder = DEFAULT_DATA) {
  if (!existsSync(join(folder, "split", "train.json"))) {
    return null;
  }
  const data = await readPreparedData(folder);
  const { train } = await data.tuningSplit("official", 0);
  return { ...data, train };
}
