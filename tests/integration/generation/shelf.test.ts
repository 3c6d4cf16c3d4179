import { createHash } from "node:crypto";
import { BudgetsRepository } from "../../../src/db/budgets.repository.js";
import type { Database } from "../../../src/db/database.js";
import { EmbeddingsRepository } from "../../../src/db/embeddings.repository.js";
import { ItemsRepository } from "../../../src/db/items.repository.js";
import { JobPriority, JobsRepository } from "../../../src/db/jobs.repository.js";
import { PersonalizedImagesRepository } from "../../../src/db/personalized-images.repository.js";
import { RetrievalRepository } from "../../../src/db/retrieval.repository.js";
import { Random, seedFrom } from "../../../src/ml/nn/random.js";
import { GenerationBudget } from "../../../src/recsys/images/generation-budget.js";
import { generationDefaults } from "../../../src/recsys/images/generation-options.js";
import { GenerationPlanner } from "../../../src/recsys/images/generation-plan.js";
import { plainMethod } from "../../../src/recsys/images/personalization-method.js";
import { PersonalizationService } from "../../../src/recsys/images/personalization.service.js";
import { JobEvents } from "../../../src/recsys/jobs/job-events.js";
import { JobService } from "../../../src/recsys/jobs/job.service.js";
import { RetrievalService } from "../../../src/recsys/retrieval/retrieval.service.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { patience } from "../../helpers/patience.js";

const encoder = "test/clip@1";
const numTiles = 24;
const cost = 3;
const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const tiles = Array.from({ length: numTiles }, (_, n) => `tile-${n}`);
const liked = ["cat", "dog", "owl"];

describeOnEveryDatabase("a shelf of 24 tiles", open => {
  let db: Database;
  let jobRows: JobsRepository;
  let statements = 0;

  beforeAll(async () => {
    db = await open({ onStatement: () => statements++ });
    const { pool } = db;
    jobRows = new JobsRepository(pool);
    const size = { sizeBytes: 1, widthPixels: 1, heightPixels: 1, mediaType: "image/png" };
    const items = new ItemsRepository(db.prisma);
    const embeddings = new EmbeddingsRepository(pool);
    const ids = [...liked, ...tiles, "bare"];
    await db.prisma.item.createMany({
      data: ids.map(id => ({ id, title: `a ${id}`, keywords: [id], updatedAt: new Date() })),
    });
    await items.setImportedCaptions(
      ids.map(itemId => ({ itemId, text: `a drawing of ${itemId}` })),
    );
    await items.setImages(
      [...liked, ...tiles].map(itemId => ({
        itemId,
        blob: { hash: hashOf(itemId), ...size },
        source: itemId,
      })),
    );
    for (const kind of ["CAPTION", "IMAGE"] as const) {
      await embeddings.saveMany(
        kind,
        encoder,
        ids.map(itemId => ({
          itemId,
          vector: new Random(seedFrom(`${kind} ${itemId}`)).normals(8),
          sourceHash: hashOf(itemId),
        })),
      );
    }
    await db.prisma.user.create({ data: { id: "u" } });
    // A tile is in the history too, and left out of its own.
    await db.prisma.interaction.createMany({
      data: [...liked, "tile-0"].map((itemId, n) => ({
        userId: "u",
        itemId,
        kind: "LIKE" as const,
        occurredAt: new Date(Date.UTC(2026, 0, 1, 0, n)),
      })),
    });
    count();
  }, patience(60_000));

  afterEach(async () => {
    await db.prisma.job.deleteMany();
    await db.prisma.personalizedImage.deleteMany();
    await db.pool.query("DELETE FROM generation_budgets");
  });

  /** Counts the statements sent without Prisma. */
  function count() {
    const { pool } = db;
    const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
    pool.query = ((...args: unknown[]) => {
      statements++;
      return query(...args);
    }) as typeof pool.query;
    const connect = pool.connect.bind(pool) as (...args: unknown[]) => unknown;
    pool.connect = ((...args: unknown[]) => {
      statements += args.length === 0 ? 1 : 0; // a direct client counts one statement; query() calls back
      return connect(...args);
    }) as typeof pool.connect;
  }

  function createProcess({ evaluationsPerUser = 0 } = {}) {
    const images = new PersonalizedImagesRepository(db.prisma, db.pool);
    const events = new JobEvents();
    const jobs = new JobService({ jobs: jobRows, events, pollMs: 20 });
    let startsWaiting: () => void = () => undefined;
    const waits = new Promise<void>(resolve => (startsWaiting = resolve));
    const defaults = generationDefaults({
      defaults: { strength: 0.5, numSteps: 12, guidanceScale: 3 },
    });
    const planner = new GenerationPlanner({
      retrieval: new RetrievalService({ encoder, rows: new RetrievalRepository(db.pool) }),
      rankers: { activeVersionId: async () => null },
      methods: { active: async () => plainMethod },
      generator: { version: "mini@1" },
      promptVersion: "1",
      moderation: "",
    });
    const limits = {
      evaluationsPerUser,
      evaluationsPerKey: 0,
      evaluationsPerDay: 0,
      maxLiveQueued: 1_000,
      maxBatchQueued: 1_000,
    };
    const personalization = new PersonalizationService({
      planner,
      items: new ItemsRepository(db.prisma),
      images,
      jobs: {
        requestMany: wanted => jobs.requestMany(wanted),
        findCurrent: keys => jobs.findCurrent(keys),
        waitFor: (id, waitMs) => {
          startsWaiting();
          return jobs.waitFor(id, waitMs);
        },
      },
      budget: new GenerationBudget({
        accounts: new BudgetsRepository(db.pool),
        jobs: jobRows,
        limits,
      }),
      evaluationsOf: () => cost,
      defaults,
    });
    /** Stores what a worker would generate. */
    const make = async (itemIds: readonly string[]) => {
      for (const plan of await planner.planMany("u", itemIds, defaults)) {
        if (plan === null || typeof plan === "string") {
          throw new Error(`expected a plan, got ${plan}`);
        }
        const hash = hashOf(`made ${plan.requestKey}`);
        await images.save(
          {
            requestKey: plan.requestKey,
            userId: "u",
            itemId: plan.itemId,
            blobHash: hash,
            sourceBlobHash: plan.sourceBlobHash,
            seed: 1,
            generator: "mini@1",
            promptVersion: "1",
            personalizerVersionId: null,
            rankingModelVersionId: null,
            isServed: true,
            provenance: {},
            captionSimilarity: 0.25,
            imageSimilarity: 0.75,
            generationSeconds: 1.5,
          },
          { hash, mediaType: "image/png", sizeBytes: 1, widthPixels: 1, heightPixels: 1 },
          null,
        );
      }
    };
    return { jobs, personalization, make, waits };
  }

  async function statementsOf(work: () => Promise<unknown>): Promise<number> {
    const before = statements;
    await work();
    return statements - before;
  }

  const kinds = (outcomes: readonly object[]) =>
    outcomes.map(outcome =>
      "reason" in outcome ? outcome.reason : "kind" in outcome ? outcome.kind : outcome,
    );

  it("is read with the statements of one tile, when all are stored", async () => {
    const { personalization, make } = createProcess();
    await make(tiles);
    await personalization.requestMany("u", tiles); // items are in memory now
    const one = await statementsOf(() => personalization.requestMany("u", [tiles[7]]));
    let shelf: object[] = [];
    const all = await statementsOf(async () => {
      shelf = await personalization.requestMany("u", tiles);
    });
    expect(all).toBe(one);
    expect(shelf).toEqual(
      tiles.map(itemId => ({
        kind: "image",
        cached: true,
        image: expect.objectContaining({ itemId }) as unknown,
      })),
    );
    expect(await statementsOf(() => personalization.findStored("u", tiles))).toBe(one);
  });

  it("is queued with the statements of one tile, when none is stored", async () => {
    const { personalization } = createProcess({ evaluationsPerUser: 1_000 });
    await personalization.findStored("u", tiles); // items are in memory now
    const one = await statementsOf(() => personalization.requestMany("u", tiles.slice(0, 1)));
    let shelf: object[] = [];
    const rest = await statementsOf(async () => {
      shelf = await personalization.requestMany("u", tiles.slice(1));
    });
    expect(rest).toBe(one);
    expect(kinds(shelf)).toEqual(Array(23).fill("running"));
    const jobs = await db.prisma.job.findMany({ orderBy: [{ createdAt: "asc" }, { id: "asc" }] });
    expect(jobs.map(({ itemId }) => itemId)).toEqual(tiles);
    expect(jobs.every(({ priority }) => priority === JobPriority.LIVE)).toBe(true);
  });

  it("keeps the order, and reports a tile's error in its entry", async () => {
    const { personalization, make } = createProcess();
    await make(["tile-3"]);
    const asked = ["tile-1", "nowhere", "tile-3", "bare", "tile-1"];
    const shelf = await personalization.requestMany("u", asked);
    expect(shelf).toMatchObject([
      { kind: "running", job: { itemId: "tile-1" } },
      { code: "ITEM_NOT_FOUND", details: { itemId: "nowhere" } },
      { kind: "image", image: { itemId: "tile-3" } },
      { kind: "original", reason: "NO_IMAGE", item: { id: "bare" } },
      { kind: "running", job: { itemId: "tile-1" } },
    ]);
    expect(await db.prisma.job.count()).toBe(1);
  });

  it("gives each tile the answer that it gets alone", async () => {
    const shelf = createProcess();
    await shelf.make(tiles);
    const alone = createProcess();
    for (const tile of ["tile-0", "tile-9"]) {
      const [together] = await shelf.personalization.requestMany("u", [tile, "tile-1"]);
      expect(await alone.personalization.request("u", tile)).toEqual(together);
    }
  });

  it("starts no generation when only read, even for an unknown visitor", async () => {
    const { personalization, make } = createProcess();
    await make(["tile-2"]);
    const read = await personalization.findStored("u", ["tile-1", "tile-2", "nowhere", "bare"]);
    expect(read.map(image => image?.itemId ?? null)).toEqual([null, "tile-2", null, null]);
    expect(await personalization.findStored("visitor", ["tile-2"])).toEqual([null]);
    expect(
      kinds(await personalization.requestMany("visitor", ["tile-2", "nowhere"])),
    ).toMatchObject(["NO_HISTORY", { code: "ITEM_NOT_FOUND" }]);
    expect(await db.prisma.job.count()).toBe(0);
    expect(await db.prisma.user.count()).toBe(1);
  });

  it("shows originals once the budget is used up, but all stored pictures and existing jobs", async () => {
    const { personalization, make } = createProcess({ evaluationsPerUser: 2 * cost });
    await make(["tile-5"]);
    const first = await personalization.requestMany("u", ["tile-1", "tile-2", "tile-3", "tile-5"]);
    expect(kinds(first)).toEqual(["running", "running", "BUSY", "image"]);
    expect(first[2]).toMatchObject({ item: { id: "tile-3" }, retryAt: expect.any(Date) as Date });
    const again = await personalization.requestMany("u", ["tile-2", "tile-4", "tile-5"]);
    expect(kinds(again)).toEqual(["running", "BUSY", "image"]);
    const batch = await personalization.requestMany("u", ["tile-4"], {}, { isBatch: true });
    expect(kinds(batch)).toEqual(["running"]);
  });

  it("charges a job once under concurrency", async () => {
    const { personalization } = createProcess({ evaluationsPerUser: 40 * cost });
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, () => personalization.request("u", "tile-1")),
    );
    expect(kinds(outcomes)).toEqual(Array(16).fill("running"));
    const { rows } = await db.pool.query("SELECT points FROM generation_budgets");
    expect(rows).toEqual([{ points: cost }]);
  });

  it("raises a batch job to live priority on request", async () => {
    const { personalization } = createProcess();
    await personalization.requestMany("u", ["tile-1", "tile-2"], {}, { isBatch: true });
    await personalization.request("u", "tile-2");
    expect((await jobRows.claim("PERSONALIZE_IMAGE", "live"))?.itemId).toBe("tile-2");
    expect((await jobRows.claim("PERSONALIZE_IMAGE", "batch"))?.itemId).toBe("tile-1");
  });

  it.each(["while it waits", "while it is drawn"])(
    "ends as CANCELLED when cancelled %s",
    async when => {
      const { personalization, jobs, waits } = createProcess();
      const [running] = await personalization.requestMany("u", ["tile-1"]);
      const { job } = running as { job: { id: string } };
      const answer = personalization.request("u", "tile-1", { waitMs: 60_000 });
      await waits;
      if (when === "while it is drawn") {
        const claimed = await jobRows.claim("PERSONALIZE_IMAGE", "live");
        await jobs.cancel(job.id);
        await jobRows.cancel(claimed!);
      } else {
        await jobs.cancel(job.id);
      }
      expect(await answer).toMatchObject({
        kind: "original",
        reason: "CANCELLED",
        item: { id: "tile-1" },
      });
    },
  );
});
