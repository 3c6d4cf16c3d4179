/**
 * ml-latest-small as the official MICRO saw it: 601 users, 1,952 items, picture features of 1,280 and text features of 512,
 * the official random split. Read in place from the folder a user names; never part of this repository.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { matrix } from "../../dist/ml/nn/shape.js";
import { fromFloat16 } from "../../dist/ml/runtime/float16.js";

/** Where the data lies beside a checkout. */
export const DEFAULT_DATA = "../shared/data/ml-latest-small";

const json = path => JSON.parse(readFileSync(path, "utf8"));

/** A `.npy` file of float16, two dimensions. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
function readFloat16(path) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, start);
  const [, rows, columns] = /'shape': \((\d+), (\d+)\)/.exec(header);
  if (!header.includes("'<f2'") || !header.includes("'fortran_order': False")) {
    throw new Error(`${path}: expected float16 by rows, got ${header}`);
  }
  const words = new Uint16Array(bytes.buffer.slice(bytes.byteOffset + start), 0, rows * columns);
  return matrix([Number(rows), Number(columns)], fromFloat16(words));
}

function lists(path, numUsers) {
  const content = json(path);
  return Array.from({ length: numUsers }, (_, user) => Int32Array.from(content[user] ?? []).sort());
}

/** `RankingData` with `validation`, and `test` beside it; null where the folder is absent. */
export function readMlLatest(folder = DEFAULT_DATA) {
  if (!existsSync(join(folder, "split", "train.json"))) {
    return null;
  }
  const movies = json(join(folder, "split", "item_movie_ids.json"));
  const numUsers = json(join(folder, "split", "user_ids.json")).length;
  const features = (file, ids) => {
    const all = readFloat16(join(folder, "features", `${file}.npy`));
    const place = new Map(json(join(folder, "features", `${ids}.json`)).map((id, at) => [id, at]));
    const F = all.shape[1];
    const chosen = matrix([movies.length, F]);
    movies.forEach((movie, item) => {
      const at = place.get(movie) * F;
      chosen.values.set(all.values.subarray(at, at + F), item * F);
    });
    return chosen;
  };
  const part = name => lists(join(folder, "split", `${name}.json`), numUsers);
  return {
    numUsers,
    numItems: movies.length,
    train: part("train"),
    validation: part("val"),
    test: part("test"),
    modalities: [
      { name: "visual", features: features("image_mobilenetv2", "image_movie_ids") },
      { name: "textual", features: features("text_use_lite", "text_movie_ids") },
    ],
  };
}
