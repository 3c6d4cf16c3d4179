/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { loadConfig } from "../../../src/config/config.js";
import type { Database } from "../../../src/db/database.js";
import { choosePack } from "../../../src/plugin/choose-pack.js";
import { createStorage } from "../../../src/plugin/create-storage.js";
import { drawSticker } from "../../../src/recsys/datasets/sticker-art.js";
import { stickerConcepts } from "../../../src/recsys/datasets/sticker-concepts.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

describeOnEveryDatabase("the pack that 'auto' chooses", open => {
  let db: Database;
  let home: string;
  let logged: string[];
  /** Of the last choice. */
  let needsIndexing: boolean;

  beforeAll(async () => {
    db = await open();
  });
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "vitrine-auto-"));
    logged = [];
    await db.prisma.item.deleteMany();
    await db.prisma.blob.deleteMany();
  });
  afterEach(() => rm(home, { recursive: true }));

  const log = (_: unknown, message?: string) => {
    logged.push(message ?? "");
  };
  const logger = { info: log, warn: log } as never;

  async function choose(pack = "auto") {
    const config = loadConfig({ VITRINE_HOME: home, VITRINE_MODELS: pack });
    const choice = await choosePack(createStorage(db, config), config, logger);
    needsIndexing = choice.needsIndexing;
    return {
      pack: basename(choice.folder),
      reason: choice.reason,
      kind: choice.verdict?.kind ?? null,
    };
  }

  async function addStickers(count = 4) {
    const { blobs, items } = createStorage(db, loadConfig({ VITRINE_HOME: home }));
    for (const { art, title } of stickerConcepts(count)) {
      const { png } = await drawSticker(art.twemoji);
      const item = { id: title, title, description: "", category: null, keywords: [] };
      await items.upsertMany([{ ...item, isAvailable: true, attribution: null, caption: null }]);
      const size = { sizeBytes: png.byteLength, widthPixels: 128, heightPixels: 128 };
      const blob = { hash: await blobs.put(png), mediaType: "image/png", ...size };
      await items.setImages([{ itemId: title, blob, source: title }]);
    }
  }

  /** As an indexing by this pack leaves it. */
  async function indexWith(pack: string) {
    await db.prisma.embedding.deleteMany();
    for (const { id: itemId } of await db.prisma.item.findMany()) {
      const row = { itemId, kind: "CAPTION" as const, encoder: `${pack}/clip@1`, dimension: 1 };
      const vector = new Uint8Array(4);
      await db.prisma.embedding.create({ data: { ...row, vector, sourceHash: "0".repeat(64) } });
    }
  }

  it("is mini for drawings and for an empty catalogue, and the configured one where there is one", async () => {
    expect(await choose()).toEqual({ pack: "mini", reason: "EMPTY", kind: null });
    await addStickers();
    expect(await choose()).toEqual({ pack: "mini", reason: "CATALOGUE", kind: "DRAWINGS" });
    expect(logged.at(-1)).toBe("the catalogue shows drawings (4 of 4 images): the model pack is 'mini'");
    const configured = { pack: "studio", reason: "CONFIGURED", kind: "DRAWINGS" };
    expect(await choose("studio")).toEqual(configured);
    expect(needsIndexing).toBe(false);
  });

  it("is the one of the index, and says so when another would suit", async () => {
    await addStickers();
    await indexWith("studio");
    expect(await choose()).toEqual({ pack: "studio", reason: "INDEX", kind: "DRAWINGS" });
    expect(logged.at(-1)).toMatch(/which 'mini' suits.*made with 'studio' and keeps it/);
    await indexWith("someone's-own");
    expect(await choose()).toMatchObject({ pack: "mini", reason: "CATALOGUE" });
  });

  it("changes after a start with an empty catalogue once 20 images were seen", async () => {
    await choose();
    await addStickers(4);
    await indexWith("studio"); // as if the empty catalogue's pack were another
    expect(await choose()).toMatchObject({ pack: "studio", reason: "INDEX" });
    await addStickers(20);
    expect(needsIndexing).toBe(false);
    expect(await choose()).toMatchObject({ pack: "mini", reason: "CATALOGUE" });
    expect(logged.at(-1)).toMatch(/the pack is now 'mini'; 'vitrine index'/);
    expect(needsIndexing).toBe(true);
    expect(await choose()).toMatchObject({ pack: "mini" }); // also before that run
    expect(needsIndexing).toBe(true);
    await indexWith("mini");
    expect(await choose()).toMatchObject({ pack: "mini", reason: "CATALOGUE" });
    expect(needsIndexing).toBe(false);
    await indexWith("studio");
    expect(await choose()).toMatchObject({ pack: "studio", reason: "INDEX" });
    expect(needsIndexing).toBe(false);
  });
});
