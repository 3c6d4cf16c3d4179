/**
 * Import times by part, into an embedded database: a synthetic catalogue (50,000 interactions with 5,000 items
 * and 1,000 images), the sticker shop, and MovieLens if `--movielens FOLDER` (default: ../shared/data/ml-latest-small)
 * exists.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { FolderArtefactStore } from "../dist/db/artefact-store.js";
import { BlobStore } from "../dist/db/blob-store.js";
import { openDatabase } from "../dist/db/database.js";
import { CatalogueSource } from "../dist/recsys/import/catalogue.js";
import { CatalogueImportService } from "../dist/recsys/import/catalogue-import.service.js";
import { MovieLensSource } from "../dist/recsys/datasets/movielens.js";
import { StickersSource } from "../dist/recsys/datasets/stickers.js";

const NUM_ITEMS = 5_000;
const NUM_PICTURES = 1_000;
const NUM_INTERACTIONS = 50_000;
const NUM_CONCEPTS = 1_000;

async function writeCatalogue(folder) {
  const images = join(folder, "images");
  mkdirSync(images, { recursive: true });
  const items = Array.from(
    { length: NUM_ITEMS },
    (_, i) => `${i},Item ${i},"A thing, number ${i}."\n`,
  );
  const interactions = Array.from(
    { length: NUM_INTERACTIONS },
    (_, i) => `u${i % 997},${(i * 31) % NUM_ITEMS},view,${1_700_000_000 + i}\n`,
  );
  writeFileSync(join(folder, "items.csv"), `id,title,description\n${items.join("")}`);
  writeFileSync(
    join(folder, "interactions.csv"),
    `userId,itemId,kind,occurredAt\n${interactions.join("")}`,
  );
  for (let i = 0; i < NUM_PICTURES; i++) {
    const background = { r: i % 256, g: (i * 7) % 256, b: (i * 13) % 256 };
    const image = sharp({ create: { width: 128, height: 192, channels: 3, background } });
    await image.jpeg().toFile(join(images, `${i}.jpg`));
  }
  return {
    items: join(folder, "items.csv"),
    interactions: join(folder, "interactions.csv"),
    images,
  };
}

/** Seconds and rows of each part, and the seconds of repeating the import, which does nothing. */
async function measure(name, source, root) {
  const home = join(root, name);
  const db = await openDatabase({ databaseUrl: null, folder: join(home, "postgres") });
  const service = new CatalogueImportService({
    prisma: db.prisma,
    blobs: new BlobStore(new FolderArtefactStore(home)),
    store: new FolderArtefactStore(home),
  });
  const parts = {};
  const started = performance.now();
  const onProgress = ({ part, done }) => {
    parts[part] ??= { from: performance.now() };
    Object.assign(parts[part], { rows: done, until: performance.now() });
  };
  await service.run(source, { onProgress });
  const seconds = (performance.now() - started) / 1_000;
  const again = performance.now();
  await service.run(source);
  const repeatSeconds = (performance.now() - again) / 1_000;
  await db.close();

  const rows = Object.entries(parts).map(([part, { from, until, rows }]) => {
    const partSeconds = (until - from) / 1_000;
    return {
      part,
      rows,
      seconds: round(partSeconds),
      rowsPerSecond: Math.round(rows / partSeconds),
    };
  });
  console.log(`\n${name}: ${round(seconds)} s; the same again ${round(repeatSeconds)} s`);
  console.table(rows);
  return { seconds: round(seconds), repeatSeconds: round(repeatSeconds), parts: rows };
}

const round = value => Math.round(value * 100) / 100;

export async function run({ movielens = "../shared/data/ml-latest-small" } = {}) {
  const root = mkdtempSync(join(tmpdir(), "vitrine-bench-"));
  try {
    const files = await writeCatalogue(join(root, "source"));
    const results = {
      catalogue: await measure("catalogue", new CatalogueSource(files), root),
      stickers: await measure(
        "stickers",
        new StickersSource({ limitConcepts: NUM_CONCEPTS }),
        root,
      ),
    };
    if (existsSync(join(movielens, "ratings.csv"))) {
      results.movielens = await measure("movielens", new MovieLensSource(movielens), root);
    } else {
      console.log(`\nno MovieLens in ${movielens}`);
    }
    return results;
  } finally {
    rmSync(root, { recursive: true });
  }
}
