/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
/** @file A policy over settings of photographs: trained, active and serving in a small shop, with the bundled pack `studio`. */
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import sharp from "sharp";
import { loadConfig } from "../../../src/config/config.js";
import { type Database, openDatabase } from "../../../src/db/database.js";
import { Random, seedFrom } from "../../../src/ml/nn/random.js";
import { createPlugin, type Plugin } from "../../../src/plugin/create-plugin.js";
import { PhotosSource } from "../../../src/recsys/datasets/photos.js";
import type { SettingMetrics } from "../../../src/recsys/reflection/setting-trainer.js";
import { emptyTemplate } from "../../helpers/databases.js";
import { patience } from "../../helpers/patience.js";

const NUM_ITEMS = 18;
const NUM_USERS = 24;
const versionId = randomUUID();

let home: string;
let db: Database;
let plugin: Plugin;

/** The plugin over the shop, with a pack. */
function open(pack: "mini" | "studio"): Promise<Plugin> {
  const config = loadConfig({
    VITRINE_HOME: home,
    VITRINE_MODELS: pack,
    VITRINE_ONNX_THREADS: "1",
  });
  return createPlugin({ db, config, logger: pino({ level: "silent" }), runJobs: true });
}

/** Boxes and bags of several colours before plain walls, as a second-hand shop photographs them. */
async function writeShop(folder: string): Promise<void> {
  await mkdir(join(folder, "images"), { recursive: true });
  const lines = ["image,label,kids"];
  for (let n = 0; n < NUM_ITEMS; n++) {
    const random = new Random(seedFrom("setting shop", n));
    const colour = () => `hsl(${random.int(360)} 60% 40%)`;
    const wall = ["#e9e5df", "#c9d6e4", "#d9c3a5"][n % 3];
    const svg =
      `<svg xmlns="http://www.w3.org/2000/svg" width="240" height="300"><rect width="100%" height="100%" fill="${wall}"/>` +
      `<rect x="60" y="80" width="120" height="150" rx="18" fill="${colour()}"/>` +
      `<rect x="80" y="120" width="80" height="16" fill="${colour()}"/></svg>`;
    await sharp(Buffer.from(svg))
      .jpeg()
      .toFile(join(folder, "images", `p${n}.jpg`));
    lines.push(`p${n},${n % 2 === 0 ? "Shirt" : "Dress"},False`);
  }
  await writeFile(join(folder, "images.csv"), lines.join("\n"));
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "vitrine-settings-"));
  db = await openDatabase({ databaseUrl: null, folder: null, template: emptyTemplate() });
  const folder = join(home, "shop");
  await writeShop(folder);
  plugin = await open("studio");
  const { imports, indexing, personalizers, rankers } = plugin.services;
  const shops = { clothing: { folder, limit: NUM_ITEMS } };
  const users = { numUsers: NUM_USERS, minLikes: 5, maxLikes: 6 };
  await imports.run(new PhotosSource({ shops, users }), {});
  await (await indexing()).run({});
  const visualHead = { size: 4, weight: 1, l2: 0.01 };
  await rankers.train({
    versionId: randomUUID(),
    seed: 1,
    config: { preset: "quick", model: { numEpochs: 2, itemItem: null, visualHead } },
    activate: true,
  });
  const config = { numBankPairs: 4, numValidationPairs: 2 };
  await personalizers.train({ versionId, seed: 1, config, activate: true });
}, patience(120_000));

afterAll(async () => {
  await plugin.close();
  await db.close();
  await rm(home, { recursive: true });
});

/** A user, and an item that they have not chosen. */
async function pair(n: number) {
  const [user] = await db.prisma.user.findMany({ orderBy: { id: "asc" }, skip: n, take: 1 });
  const [item] = await db.prisma.item.findMany({
    where: { interactions: { none: { userId: user.id } } },
    orderBy: { id: "asc" },
    take: 1,
  });
  return { userId: user.id, itemId: item.id };
}

describe("a policy over settings", () => {
  it("is a version of the personalizer, with its lineage and its cost", async () => {
    const version = await plugin.services.personalizers.find(versionId);
    expect(version).toMatchObject({ state: "READY", isActive: true });
    expect(version.generator).toMatch(/^studio@/);
    expect(version.rankingModelVersionId).toBe(await plugin.services.rankers.activeVersionId());
    const { choice, cost } = version.metrics as unknown as SettingMetrics;
    expect(choice).toMatchObject({ mode: "surrogate", leftOut: { notFinite: 0 } });
    expect(choice.numBankImages).toBeGreaterThan(0);
    expect(cost.images).toBeGreaterThanOrEqual(choice.numBankImages);
    expect(cost.networkEvaluations).toBe(0);
  });

  it(
    "conditions what shoppers are shown, and is kept with the images",
    async () => {
      let numMade = 0;
      for (let n = 0; n < 4; n++) {
        const { itemId, userId } = await pair(n);
        const options = { waitMs: 60_000, numCandidates: 2 };
        await plugin.services.personalization.request(userId, itemId, options);
        const images = await db.prisma.personalizedImage.findMany({ where: { userId, itemId } });
        numMade += images.length;
        for (const { personalizerVersionId } of images) {
          expect(personalizerVersionId).toBe(versionId);
        }
      }
      expect(numMade).toBeGreaterThan(0);
    },
    patience(60_000),
  );

  it(
    "draws no bank again for another version",
    async () => {
      const { version } = await plugin.services.personalizers.train({
        versionId: randomUUID(),
        seed: 2,
        config: { numBankPairs: 4, numValidationPairs: 0, rewardTraining: "critic" },
        activate: false,
      });
      const { choice, cost } = version.metrics as unknown as SettingMetrics;
      expect(choice).toMatchObject({ mode: "critic", numDrawn: 0 });
      expect(cost.images).toBe(0);
    },
    patience(30_000),
  );

  it("is refused by rollouts, and records no version", async () => {
    const refused = plugin.services.personalizers.train({
      versionId: randomUUID(),
      seed: 1,
      config: { rewardTraining: "reinforce" },
      activate: true,
    });
    await expect(refused).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { argument: "rewardTraining" },
    });
  });

  it(
    "cannot be activated with another pack",
    async () => {
      await plugin.close();
      const other = await open("mini");
      try {
        await expect(other.services.personalizers.activate(versionId)).rejects.toMatchObject({
          code: "PERSONALIZER_MISMATCH",
        });
      } finally {
        await other.close();
        plugin = await open("studio");
      }
    },
    patience(60_000),
  );
});
