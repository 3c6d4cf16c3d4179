/** @file Small test sources, and a comparable value of everything that an import stored. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import type { Database } from "../../../src/db/database.js";

export const NUM_MOVIES = 600;
export const NUM_POSTERS = 300;
export const NUM_RATINGS = 3_400;
export const NUM_USERS = 17;

/** A poster of one colour, different for each movie. */
export function pngFile(index: number): Promise<Buffer> {
  const background = { r: index % 256, g: (index * 7) % 256, b: Math.floor(index / 256) };
  return sharp({ create: { width: 6, height: 8, channels: 3, background } })
    .png()
    .toBuffer();
}

/** A small MovieLens, as published: CRLF line endings. Parts have several batches; two rows of each are faulty. */
export async function writeMovieLens(folder: string): Promise<void> {
  const movies = Array.from({ length: NUM_MOVIES }, (_, i) => [
    i + 1,
    `"Movie, the ${i + 1}"`,
    "Drama|War",
  ]);
  const ratings = Array.from({ length: NUM_RATINGS }, (_, i) => [
    (i % NUM_USERS) + 1,
    ((i * 31) % NUM_MOVIES) + 1,
    ((i % 10) + 1) / 2,
    1_000_000_000 + i,
  ]);
  const texts = [
    [1, "A first sentence. A second one."],
    [2, ""],
  ];
  mkdirSync(join(folder, "posters"), { recursive: true });
  writeCsv(join(folder, "movies.csv"), [
    ["movieId", "title", "genres"],
    ...movies.slice(0, 100),
    ["seven", "No number", "Drama"],
    [7001],
    ...movies.slice(100),
  ]);
  writeCsv(join(folder, "ratings.csv"), [
    ["userId", "movieId", "rating", "timestamp"],
    ...ratings.slice(0, 1_500),
    [1, 999_999, 3, 1_000_000_000],
    [1, 1, 9, 1_000_000_000],
    ...ratings.slice(1_500),
  ]);
  writeCsv(join(folder, "captions.csv"), [["movieId", "tmdb_overview"], ...texts]);
  for (let movie = 1; movie <= NUM_POSTERS; movie++) {
    writeFileSync(join(folder, "posters", `${movie}.jpg`), await pngFile(movie));
  }
  writeFileSync(join(folder, "posters", "7002.jpg"), await pngFile(1));
  writeFileSync(join(folder, "posters", "3.jpg"), (await pngFile(3)).subarray(0, 60));
}

export const movieLensCounts = {
  items: { accepted: NUM_MOVIES, rejected: 2 },
  images: { accepted: NUM_POSTERS - 1, rejected: 2 },
  interactions: { accepted: NUM_RATINGS, rejected: 2 },
};

function writeCsv(path: string, rows: readonly (readonly unknown[])[]): void {
  writeFileSync(path, rows.map(row => `${row.join(",")}\r\n`).join(""));
}

/** A hash of everything that imports write, except times of writing and random ids. */
export async function contentOf({ pool }: Pick<Database, "pool">): Promise<string> {
  const hash = createHash("sha256");
  for (const query of [
    "SELECT id, is_simulated FROM users ORDER BY id",
    "SELECT id, title, description, category, keywords, is_available, attribution FROM items ORDER BY id",
    "SELECT item_id, text, source, model FROM captions ORDER BY item_id",
    "SELECT item_id, blob_hash, source FROM item_images ORDER BY item_id",
    "SELECT hash, media_type, size_bytes, width_pixels, height_pixels FROM blobs ORDER BY hash",
    "SELECT user_id, item_id, kind, weight, occurred_at FROM interactions ORDER BY id",
    "SELECT kind, fingerprint, state, cursor, counts FROM import_runs ORDER BY kind, fingerprint",
  ]) {
    const { rows } = await pool.query(query);
    hash.update(JSON.stringify(rows));
  }
  return hash.digest("hex");
}
