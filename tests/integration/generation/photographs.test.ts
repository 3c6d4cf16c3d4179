/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
/** @file A pack that is trained on drawings shows nothing in place of photographs. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import pino from "pino";
import sharp from "sharp";
import { loadConfig } from "../../../src/config/config.js";
import { openDatabase } from "../../../src/db/database.js";
import { Random, seedFrom } from "../../../src/ml/nn/random.js";
import { createPlugin } from "../../../src/plugin/create-plugin.js";
import { PhotosSource } from "../../../src/recsys/datasets/photos.js";
import type { FidelityPolicy } from "../../../src/recsys/images/fidelity-policy.js";
import type { PersonalizeOutcome } from "../../../src/recsys/images/personalization.service.js";
import { emptyTemplate } from "../../helpers/databases.js";
import { patience } from "../../helpers/patience.js";

// Real data: read in place, never copied. `npm run bench -- photographs` prints the same trial.
const realPhotographs = resolve(import.meta.dirname, "../../../../shared/data/clothing-cc0");
const isThere = existsSync(realPhotographs);
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "vitrine-photographs-"));
});
afterAll(() => rm(home, { recursive: true }));

/** Imports a shop of photographs, and asks for one image of as many users. */
async function trial(
  folder: string,
  {
    fidelity,
    numItems,
    numUsers,
  }: { fidelity?: FidelityPolicy; numItems: number; numUsers: number },
) {
  const db = await openDatabase({ databaseUrl: null, folder: null, template: emptyTemplate() });
  const config = loadConfig({
    VITRINE_HOME: await mkdtemp(join(home, "shop-")),
    VITRINE_MODELS: "mini",
    VITRINE_ONNX_THREADS: "1",
  });
  const logger = pino({ level: "silent" });
  const plugin = await createPlugin({ db, config, logger, runJobs: true });
  try {
    const { imports, indexing, personalization } = plugin.services;
    const shops = { clothing: { folder, limit: numItems } };
    await imports.run(
      new PhotosSource({ shops, users: { numUsers, minLikes: 2, maxLikes: 6 } }),
      {},
    );
    await (await indexing()).run({});
    const users = await db.prisma.user.findMany({ take: numUsers, orderBy: { id: "asc" } });
    const outcomes: PersonalizeOutcome[] = [];
    for (const [n, { id }] of users.entries()) {
      const [item] = await db.prisma.item.findMany({
        where: { interactions: { none: { userId: id } } },
        orderBy: { id: "asc" },
        skip: (n * 7) % Math.floor(numItems / 2),
        take: 1,
      });
      outcomes.push(await personalization.request(id, item.id, { waitMs: 60_000, fidelity }));
    }
    return outcomes;
  } finally {
    await plugin.close();
    await db.close();
  }
}

/** Woven things of several colours on noisy floors, 300 x 400, as a camera would leave them. */
async function syntheticShop(numItems: number): Promise<string> {
  const folder = join(home, "synthetic");
  await mkdir(join(folder, "images"), { recursive: true });
  const [width, height] = [300, 400];
  const lines = ["image,label,kids"];
  for (let n = 0; n < numItems; n++) {
    const random = new Random(seedFrom("synthetic photograph", n));
    const colors = [random.int(200), random.int(200), random.int(200)];
    const noise = random.normals(width * height * 3);
    const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      const isProduct = Math.abs(x - 150) < 90 && Math.abs(y - 200) < 130;
      const weave = 25 * Math.sin(x / 2) * Math.cos(y / 3);
      return Math.min(255, Math.max(0, (isProduct ? colors[i % 3] + weave : 190) + 5 * noise[i]));
    });
    const raw = { width, height, channels: 3 } as const;
    await sharp(pixels, { raw })
      .jpeg({ quality: 90 })
      .toFile(join(folder, "images", `p${n}.jpg`));
    lines.push(`p${n},${n % 2 === 0 ? "Shirt" : "Dress"},False`);
  }
  await writeFile(join(folder, "images.csv"), lines.join("\n"));
  return folder;
}

/** Either nothing is drawn, or what is drawn is a blur: 128 pixels in place of 400. */
function expectRefused(outcome: PersonalizeOutcome) {
  if (outcome.kind !== "original") {
    throw new Error(`expected the catalogue image, got ${outcome.kind}`);
  }
  const { faults, reason } = outcome;
  expect(["BELOW_QUALITY_FLOOR", "MASK_IMPLAUSIBLE"]).toContain(reason);
  expect(reason === "MASK_IMPLAUSIBLE" || faults?.includes("BLURRED")).toBe(true);
}

describe("the pack of drawings on photographs", () => {
  it(
    "shows nothing of synthetic photographs, and says why",
    async () => {
      const outcomes = await trial(await syntheticShop(18), { numItems: 18, numUsers: 4 });
      expect(outcomes).toHaveLength(4);
      outcomes.forEach(expectRefused);
    },
    patience(60_000),
  );

  (isThere ? it : it.skip)(
    `shows nothing of 240 photographs of clothes${isThere ? "" : ` (skipped: no ${realPhotographs})`}`,
    async () => {
      const outcomes = await trial(realPhotographs, { numItems: 240, numUsers: 32 });
      expect(outcomes).toHaveLength(32);
      outcomes.forEach(expectRefused);
    },
    patience(240_000),
  );
});
