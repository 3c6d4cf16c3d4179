/**
 * @file What a pack serves of real photographs: 240 of a shop of clothes, simulated shoppers, 32 requests. Prints how many are
 * served, and the faults of the others. `VITRINE_MODELS` chooses the pack; default `mini`, which knows drawings only and
 * must serve none. Then counts the images that `isPhotograph` finds among the folder's photographs, those of `--luma FOLDER`
 * (Magento's sample data), and 100 stickers in each of four styles.
 *
 *     npm run bench -- photographs --data FOLDER [--luma FOLDER]
 *
 * FOLDER is the clothing dataset of Alexey Grigorev (CC0): `images.csv` and `images/`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { loadConfig } from "../dist/config/config.js";
import { openDatabase } from "../dist/db/database.js";
import { decodeRgb } from "../dist/db/image-codec.js";
import { isPhotograph } from "../dist/ml/metrics/photograph.js";
import { createPlugin } from "../dist/plugin/create-plugin.js";
import { shopProducts } from "../dist/recsys/datasets/photo-shops.js";
import { PhotosSource } from "../dist/recsys/datasets/photos.js";
import { drawSticker } from "../dist/recsys/datasets/sticker-art.js";
import { stickerConcepts } from "../dist/recsys/datasets/sticker-concepts.js";
import { shopStyles } from "../dist/recsys/datasets/sticker-styles.js";

const NUM_ITEMS = 240;
const NUM_REQUESTS = 32;
const NUM_CONCEPTS = 100;

export async function run({ data, luma }) {
  if (!data) {
    throw new Error("photographs: --data must name the folder of the clothing dataset");
  }
  const home = mkdtempSync(join(tmpdir(), "vitrine-bench-photographs-"));
  const config = loadConfig({ VITRINE_MODELS: "mini", ...process.env, VITRINE_HOME: home });
  const db = await openDatabase({ databaseUrl: null, folder: join(home, "postgres") });
  const logger = pino({ level: "silent" });
  const plugin = await createPlugin({ db, config, logger, runJobs: true });
  try {
    return {
      generator: plugin.services.models.generator.version,
      ...(await trial(plugin, db, data)),
      found: await countPhotographs({ clothing: data, luma }),
    };
  } finally {
    await plugin.close();
    await db.close();
    rmSync(home, { recursive: true });
  }
}

async function trial({ services }, db, folder) {
  const { imports, indexing, personalization } = services;
  const shops = { clothing: { folder, limit: NUM_ITEMS } };
  await imports.run(new PhotosSource({ shops, users: { numUsers: NUM_REQUESTS } }), {});
  await (await indexing()).run({});
  const users = await db.prisma.user.findMany({ take: NUM_REQUESTS, orderBy: { id: "asc" } });
  const counts = {};
  const count = name => (counts[name] = (counts[name] ?? 0) + 1);
  let numServed = 0;
  for (const [n, { id }] of users.entries()) {
    const [item] = await db.prisma.item.findMany({
      where: { interactions: { none: { userId: id } } },
      orderBy: { id: "asc" },
      skip: (n * 7) % (NUM_ITEMS / 2),
      take: 1,
    });
    const { faults, kind, reason } = await personalization.request(id, item.id, { waitMs: 60_000 });
    numServed += kind === "image" ? 1 : 0;
    if (reason) {
      [reason, ...(faults ?? [])].forEach(count);
    }
  }
  console.table({ requests: users.length, served: numServed, ...counts });
  return { numRequests: users.length, numServed, reasons: counts };
}

/** Of each source: its images, and how many count as photographs. */
async function countPhotographs(folders) {
  const files = {
    stickers: stickerConcepts(NUM_CONCEPTS).flatMap(({ art }) =>
      shopStyles.map(style => async () => (await drawSticker(art[style])).png),
    ),
  };
  for (const [shop, folder] of Object.entries(folders)) {
    if (folder) {
      const products = await shopProducts(shop, folder);
      files[shop] = products.map(
        ({ imagePath }) =>
          () =>
            readFile(imagePath),
      );
    }
  }
  const counts = {};
  for (const [source, reads] of Object.entries(files)) {
    counts[source] = { images: reads.length, photographs: 0 };
    for (const read of reads) {
      counts[source].photographs += isPhotograph(await decodeRgb(await read())) ? 1 : 0;
    }
  }
  console.table(counts);
  return counts;
}
