/** @jest-environment ./tests/unit/ml/runtime/onnx-environment.js */
/** @file Upserted items are found once their job has ended, and removed ones disappear immediately. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { loadConfig } from "../../../src/config/config.js";
import type { Database } from "../../../src/db/database.js";
import { createPlugin, type Plugin } from "../../../src/plugin/create-plugin.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";

const WAIT_MS = 60_000;

describeOnEveryDatabase("a serving process", open => {
  let db: Database;
  let home: string;
  let plugin: Plugin;
  beforeAll(async () => {
    db = await open();
    home = await mkdtemp(join(tmpdir(), "vitrine-changes-"));
    const config = loadConfig({ VITRINE_HOME: home, VITRINE_ONNX_THREADS: "1" });
    plugin = await createPlugin({ db, config, logger: pino({ level: "silent" }), runJobs: true });
  });
  afterAll(async () => {
    await plugin.close();
    await rm(home, { recursive: true });
  });

  const upsert = async (rows: readonly { id: string; title?: string; category?: string }[]) => {
    const { catalogue, jobs } = plugin.services;
    const { job } = await catalogue.upsert(rows);
    const ended = await jobs.waitFor(job!.id, WAIT_MS);
    expect(ended).toMatchObject({ state: "SUCCEEDED", errorMessage: null });
  };
  const similarTo = async (id: string) => {
    const found = await plugin.services.similar.similarItems(id, 10);
    return found.map(({ itemId }) => itemId).sort();
  };

  it("finds upserted items by their new titles, and not deleted ones", async () => {
    await upsert([
      { id: "fox", title: "Red fox" },
      { id: "wolf", title: "Grey wolf" },
      { id: "cup", title: "Tea cup" },
    ]);
    expect(await similarTo("fox")).toEqual(["cup", "wolf"]);
    await upsert([
      { id: "owl", title: "Brown owl" },
      { id: "cup", title: "Paper cup" },
    ]);
    expect(await similarTo("fox")).toEqual(["cup", "owl", "wolf"]);
    const caption = await db.prisma.caption.findUnique({ where: { itemId: "cup" } });
    expect(caption).toMatchObject({ text: "Paper cup", source: "TEXT" });

    await plugin.services.catalogue.remove(["wolf"]);
    expect(await similarTo("fox")).toEqual(["cup", "owl"]);
    await expect(similarTo("wolf")).rejects.toMatchObject({ code: "ITEM_NOT_FOUND" });
  });

  it("returns the reason for an item without a picture", async () => {
    await upsert([{ id: "bare", title: "Bare" }]);
    await plugin.services.interactions.record([
      { userId: "u", itemId: "fox", kind: "LIKE", weight: 1, occurredAt: new Date() },
    ]);
    expect(await plugin.services.personalization.request("u", "bare")).toMatchObject({
      kind: "original",
      reason: "NO_IMAGE",
    });
  });
});
