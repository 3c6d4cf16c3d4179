/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
/** @file A generator on another machine, through the whole plugin: what it is sent, and what becomes of its images. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import sharp from "sharp";
import { createInMemoryStore } from "../../../docs/examples/in-memory-store.js";
import { loadConfig } from "../../../src/config/config.js";
import { type Database, openDatabase } from "../../../src/db/database.js";
import { ItemsRepository } from "../../../src/db/items.repository.js";
import { createPlugin, type Plugin } from "../../../src/plugin/create-plugin.js";
import { storeImage } from "../../../src/recsys/import/import-parts.js";
import { emptyTemplate } from "../../helpers/databases.js";
import { answering, type EditsServer, startEditsServer } from "../../helpers/edits-server.js";
import { patience } from "../../helpers/patience.js";

const JOB_WAIT_MS = 60_000;
const WIDTH = 240;
const HEIGHT = 160;

let home: string;
let db: Database;
let plugin: Plugin;
let server: EditsServer;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "vitrine-remote-"));
  db = await openDatabase({ databaseUrl: null, folder: null, template: emptyTemplate() });
  server = await startEditsServer();
}, patience(10_000));

afterEach(async () => {
  await plugin.close();
  await server.close();
  await db.close();
  await rm(home, { recursive: true });
}, patience(10_000));

/** A shop of two products on light backdrops, indexed; Ann has bought one. */
async function openShop(settings: Record<string, string>): Promise<Plugin["services"]> {
  const config = loadConfig({
    VITRINE_HOME: home,
    VITRINE_ONNX_THREADS: "1",
    VITRINE_GENERATOR: "openai",
    VITRINE_GENERATOR_URL: server.url,
    VITRINE_GENERATOR_KEY: "sk-secret",
    VITRINE_GENERATOR_MODEL: "edit-1",
    VITRINE_GENERATOR_SIZES: "288x192",
    ...settings,
  });
  const logger = pino({ level: "silent" });
  plugin = await createPlugin({ db, config, logger, runJobs: true, store: createInMemoryStore() });
  const { blobs, catalogue, interactions, jobs } = plugin.services;
  const rows = ["Red mug", "Blue mug"].map(title => ({ id: title, title }));
  await catalogue.upsert(rows);
  for (const { id } of rows) {
    const mug = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
      <rect width="100%" height="100%" fill="#e9e4da"/><rect x="80" y="40" width="70" height="80" rx="8" fill="${id.startsWith("Red") ? "#b02020" : "#2040b0"}"/>
      <path d="M150 60 h20 a12 12 0 0 1 0 40 h-20" fill="none" stroke="#702020" stroke-width="8"/></svg>`;
    const file = await sharp(Buffer.from(mug)).png().toBuffer();
    const image = await storeImage(id, file, { source: id, blobs });
    await new ItemsRepository(db.prisma).setImages([image]);
  }
  const occurredAt = new Date("2026-01-01T00:00:00Z");
  await interactions.record([{ userId: "ann", itemId: "Blue mug", kind: "PURCHASE", occurredAt }]);
  const { id } = await jobs.request("INDEX", {});
  expect(await jobs.waitFor(id, JOB_WAIT_MS)).toMatchObject({ state: "SUCCEEDED" });
  return plugin.services;
}

describe("a generator on another machine", () => {
  it(
    "gets the image, the product's mask and the setting, and is charged to the budgets",
    async () => {
      const { personalization } = await openShop({ VITRINE_FIDELITY: "product" });
      await personalization.request("ann", "Red mug", { waitMs: JOB_WAIT_MS });
      expect(server.received).toHaveLength(3); // one for each candidate
      const [{ authorization, fields, image, mask }] = server.received;
      expect(authorization).toBe("Bearer sk-secret");
      expect(image).toEqual({ width: 288, height: 192, channels: 3 });
      expect(mask).toEqual({ width: 288, height: 192, channels: 4 });
      expect(fields.prompt).toMatch(/The new setting: "(the same backdrop|a [a-z]+)/);
      const accounts = await db.prisma.generationBudget.findMany();
      expect(accounts.map(({ points }) => points)).toContain(3 * 20);
    },
    patience(30_000),
  );

  it(
    "that fails leaves the catalogue image, and the key is nowhere",
    async () => {
      const { personalization } = await openShop({ VITRINE_FIDELITY: "free" });
      server.next.push(
        ...Array.from({ length: 9 }, () => answering(401, { error: "no sk-secret" })),
      );
      const outcome = await personalization.request("ann", "Red mug", { waitMs: JOB_WAIT_MS });
      expect(outcome).toMatchObject({ kind: "original", reason: "GENERATION_FAILED" });
      const jobs = await db.prisma.job.findMany();
      expect(jobs.map(({ errorCode }) => errorCode)).toContain("GENERATOR_FAILED");
      expect(
        JSON.stringify(jobs, (_, value: unknown) => (typeof value === "bigint" ? 0 : value)),
      ).not.toContain("sk-secret");
    },
    patience(30_000),
  );
});
