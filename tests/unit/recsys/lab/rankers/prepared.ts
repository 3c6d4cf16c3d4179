/** @file A prepared data set in a folder: two tastes, whose items have similar images and texts. */
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../../../../src/ml/nn/random.js";

export const NUM_USERS = 16;
export const NUM_ITEMS = 24;

/** Item i is film 100 + i, user u is person 7 + u; each likes 9 of the 12 items of its parity, an hour apart. */
export async function writePreparedData(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "prepared-"));
  await Promise.all(["split", "features"].map(name => mkdir(join(folder, name))));
  const write = (path: string, content: unknown) =>
    writeFile(join(folder, path), JSON.stringify(content));
  const movies = Array.from({ length: NUM_ITEMS }, (_, item) => 100 + item);
  await write("split/item_movie_ids.json", movies);
  await write(
    "split/user_ids.json",
    Array.from({ length: NUM_USERS }, (_, user) => 7 + user),
  );
  const liked = Array.from({ length: NUM_USERS }, (_, user) =>
    new Random(user)
      .shuffled(movies.map((__, item) => item).filter(item => item % 2 === user % 2))
      .slice(0, 9),
  );
  const part = (start: number, end: number) =>
    Object.fromEntries(liked.map((items, user) => [user, items.slice(start, end)]));
  await write("split/train.json", part(0, 7));
  await write("split/val.json", part(7, 8));
  await write("split/test.json", part(8, 9));
  const lines = liked.flatMap((items, user) =>
    items.map((item, place) => `${7 + user},${100 + item},4.0,${1_000 + 3_600 * place}`),
  );
  // Not liked, and a film that is not in the data set.
  const others = ["7,100,2.5,5", "7,9999,5.0,6"];
  const rows = ["userId,movieId,rating,timestamp", ...lines, ...others];
  await writeFile(join(folder, "ratings.csv"), rows.join("\r\n") + "\r\n");
  for (const [file, ids, F] of [
    ["image_mobilenetv2", "image_movie_ids", 5],
    ["text_use_lite", "text_movie_ids", 4],
  ] as const) {
    // One more row than items, and the items' rows from the last to the first.
    await write(`features/${ids}.json`, [9999, ...[...movies].reverse()]);
    const values = new Random(F).normals((NUM_ITEMS + 1) * F).map(noise => noise / 10);
    movies.forEach((_, item) => (values[(NUM_ITEMS - item) * F + (item % 2)] += 1));
    await writeFile(join(folder, "features", `${file}.npy`), npy([NUM_ITEMS + 1, F], values));
  }
  return folder;
}

function npy([rows, columns]: readonly [number, number], values: Float32Array): Buffer {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const start = Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"); // 118 bytes of header
  return Buffer.concat([start, Buffer.from(`${header.padEnd(117)}\n`), Buffer.from(values.buffer)]);
}
