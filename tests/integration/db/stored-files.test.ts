/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
/** @file The plugin on files of an older version, and on a store of the host. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pino from "pino";
import sharp from "sharp";
import { createConstantGenerator } from "../../../docs/examples/constant-generator.js";
import { createInMemoryStore } from "../../../docs/examples/in-memory-store.js";
import { createSeasonalMethod } from "../../../docs/examples/seasonal-method.js";
import { loadConfig } from "../../../src/config/config.js";
import { type ArtefactStore, FolderArtefactStore } from "../../../src/db/artefact-store.js";
import { openDatabase, type Database } from "../../../src/db/database.js";
import { decodeRgb, encodePng } from "../../../src/db/image-codec.js";
import { ItemsRepository } from "../../../src/db/items.repository.js";
import type { GenerateRequest } from "../../../src/ml/diffusion/image-generator.js";
import {
  createPlugin,
  type Plugin,
  type PluginOptions,
} from "../../../src/plugin/create-plugin.js";
import { CachedImageGenerator } from "../../../src/recsys/images/cached-image-generator.js";
import { storeImage } from "../../../src/recsys/import/import-parts.js";
import { loadRanker } from "../../../src/recsys/ranking/ranker-artefact.js";
import { loadCaptionIndex } from "../../../src/recsys/retrieval/caption-index-files.js";
import { emptyTemplate } from "../../helpers/databases.js";

const JOB_WAIT_MS = 60_000;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

let home: string;
let db: Database;
let plugin: Plugin | undefined;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "vitrine-files-"));
  db = await openDatabase({ databaseUrl: null, folder: null, template: emptyTemplate() });
});
afterEach(async () => {
  await plugin?.close();
  plugin = undefined;
  await db.close();
  await rm(home, { recursive: true });
});

const open = async (store?: ArtefactStore, doors: Partial<PluginOptions> = {}) => {
  const config = loadConfig({ VITRINE_HOME: home, VITRINE_ONNX_THREADS: "1" });
  const logger = pino({ level: "silent" });
  plugin = await createPlugin({ db, config, logger, runJobs: true, store, ...doors });
  return plugin;
};
const png = await sharp({
  create: { width: 8, height: 8, channels: 3, background: { r: 90, g: 20, b: 10 } },
})
  .png()
  .toBuffer();
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());
const imageAt = ({ handleImage }: Plugin, hash: string) =>
  handleImage(new Request(`https://shop.example/images/${hash}`));

describe("a home of an older version", () => {
  const write = async (name: string, content: Uint8Array | string) => {
    await mkdir(dirname(join(home, name)), { recursive: true });
    await writeFile(join(home, name), content);
    return { name: name.split("/").pop()!, sha256: sha256(Buffer.from(content)) };
  };

  it("serves its images", async () => {
    const hash = sha256(png);
    await write(`blobs/${hash.slice(0, 2)}/${hash}`, png);
    await write("blobs/tmp/left-behind", "part of an image");
    const size = { sizeBytes: png.length, widthPixels: 8, heightPixels: 8 };
    await db.prisma.blob.create({ data: { hash, mediaType: "image/png", ...size } });
    const answer = await imageAt(await open(), hash);
    expect(answer.status).toBe(200);
    expect(png.equals(await bytesOf(answer))).toBe(true);
  });

  it("opens its ranking model", async () => {
    const tensor = { dtype: "F32", shape: [3], data_offsets: [0, 12] };
    const metadata = { algorithm: "popularity", numUsers: "1" };
    const header = JSON.stringify({ __metadata__: metadata, counts: tensor }).padEnd(160);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const counts = Buffer.from(Float32Array.of(1, 3, 2).buffer);
    const weights = Buffer.concat([length, Buffer.from(header), counts]);
    await write("rankers/v1/weights.safetensors", weights);
    await write("rankers/v1/config.json", '{"algorithm":"popularity"}\n');
    const ids = { userIds: ["u"], itemIds: ["a", "b", "c"], numChosen: [1] };
    const lineage = { versionId: "v1", seed: 1, config: {}, dataHash: "", metrics: {}, ...ids };
    await write("rankers/v1/lineage.json", JSON.stringify(lineage));
    const { versionId, model, itemIds } = await loadRanker(
      new FolderArtefactStore(home),
      "rankers/v1",
    );
    expect(versionId).toBe("v1");
    expect(itemIds[model.recommend(0, 1)[0].itemIndex]).toBe("b");
  });

  it("opens its caption index", async () => {
    const vectors = Buffer.from(Float32Array.of(1, 0, 0, 1).buffer);
    const labels = '[[["a","hash a"]],[["b","hash b"],["c","hash c"]]]';
    const content = {
      format: 3,
      encoder: "e@1",
      dimension: 2,
      count: 3,
      numPoints: 2,
      m: 16,
      engine: "exact",
      efSearch: 64,
      hnswRecallAt10: null,
      lost: [],
      mark: "m",
      graph: await write("index/one.exact", vectors),
      labels: await write("index/one.labels.json", labels),
    };
    await write("index/metadata.json", JSON.stringify(content));
    const identity = { encoder: "e@1", dimension: 2 };
    const { index } = await loadCaptionIndex(new FolderArtefactStore(home), identity, "exact");
    const found = index.search(Float32Array.of(0, 1), 2).map(({ itemId }) => itemId);
    expect(found.sort()).toEqual(["b", "c"]);
  });

  it("keeps its drawn images", async () => {
    const kept = createInMemoryStore();
    const codec = { encode: encodePng, decode: (bytes: Uint8Array) => decodeRgb(bytes) };
    const request = { prompt: "a cup", numImages: 1, seed: 1, numSteps: 1, guidanceScale: 1 };
    const generator = createConstantGenerator(90, 8);
    const images = await new CachedImageGenerator({ generator, codec, store: kept }).generate(
      request,
    );
    const [{ key }] = await kept.list("renders");
    expect(key).toMatch(/^renders\/([0-9a-f]{2})\/\1[0-9a-f]{62}-0\.png$/);
    await write(key, (await kept.get(key))!);
    const store = new FolderArtefactStore(home);
    const cached = new CachedImageGenerator({ generator, codec, store });
    expect(await cached.generate(request)).toEqual(images);
    expect(cached.counts).toEqual({ drawn: 0, found: 1 });
  });
});

describe("a store of the host", () => {
  it("holds the images and the index, and the home none of them", async () => {
    const store = createInMemoryStore();
    const opened = await open(store);
    const { blobs, catalogue, jobs, similar } = opened.services;
    const rows = ["Red fox", "Grey wolf", "Tea cup"].map(title => ({ id: title, title }));
    const { job } = await catalogue.upsert(rows);
    expect(await jobs.waitFor(job!.id, JOB_WAIT_MS)).toMatchObject({ state: "SUCCEEDED" });
    const image = await storeImage("Red fox", png, { source: "fox.png", blobs });
    await new ItemsRepository(db.prisma).setImages([image]);

    const { hash } = image.blob;
    const answer = await imageAt(opened, hash);
    expect(answer.status).toBe(200);
    expect(sha256(await bytesOf(answer))).toBe(hash);
    const smaller = `https://shop.example/images/${hash}?format=webp`;
    expect((await opened.handleImage(new Request(smaller))).status).toBe(200);
    const found = await similar.similarItems("Red fox", 10);
    expect(found.map(({ itemId }) => itemId).sort()).toEqual(["Grey wolf", "Tea cup"]);

    await opened.close();
    plugin = undefined;
    const again = await open(store);
    expect(await again.services.similar.similarItems("Red fox", 10)).toEqual(found);
    expect((await store.list("blobs")).map(({ key }) => key)).toEqual([
      `blobs/${hash.slice(0, 2)}/${hash}`,
    ]);
    expect((await store.list("index")).map(({ key }) => key)).toContain("index/metadata.json");
    const own = await readdir(home);
    expect(own.filter(name => ["blobs", "index", "rankers"].includes(name))).toEqual([]);
  });
});

describe("a generator of the host", () => {
  it("draws the images, from the catalogue image and the host's condition", async () => {
    const seen: string[] = [];
    const generator = {
      version: "echo@1",
      generate: async ({ initImage, numImages, prompt }: GenerateRequest) => {
        seen.push(prompt);
        return Array.from({ length: numImages }, () => initImage!);
      },
    };
    const method = createSeasonalMethod("in snow");
    const { catalogue, interactions, jobs, personalization, ...services } = (
      await open(createInMemoryStore(), { generator, method })
    ).services;
    const rows = ["Red fox", "Grey wolf"].map(title => ({ id: title, title }));
    await catalogue.upsert(rows);
    for (const [at, { id }] of rows.entries()) {
      const color = ["firebrick", "slategrey"][at]; // a drawing: of a photograph the product would be locked
      const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" fill="white"/><circle cx="32" cy="32" r="20" fill="${color}"/></svg>`;
      const file = await sharp(Buffer.from(drawing)).png().toBuffer();
      const image = await storeImage(id, file, { source: id, blobs: services.blobs });
      await new ItemsRepository(db.prisma).setImages([image]);
    }
    const occurredAt = new Date("2026-01-01T00:00:00Z");
    await interactions.record([
      { userId: "ann", itemId: "Grey wolf", kind: "PURCHASE", occurredAt },
    ]);
    const { id } = await jobs.request("INDEX", {});
    expect(await jobs.waitFor(id, JOB_WAIT_MS)).toMatchObject({ state: "SUCCEEDED" });
    const outcome = await personalization.request("ann", "Red fox", { waitMs: JOB_WAIT_MS });
    expect(seen).toEqual([expect.stringMatching(/, in snow$/)]);
    expect(outcome).toMatchObject({ kind: "image", image: { generator: "echo@1" } });

    await plugin!.close();
    const constant = await open(createInMemoryStore(), { generator: createConstantGenerator() });
    expect(await constant.services.personalization.findStored("ann", ["Red fox"])).toEqual([null]); // another generator, another key
  });
});
