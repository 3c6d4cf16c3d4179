import { setTimeout as sleep } from "node:timers/promises";
import { CatalogQueries } from "../../../src/db/catalog-queries.js";
import { type Database } from "../../../src/db/database.js";
import { JobPriority, JobsRepository, MAX_ATTEMPTS } from "../../../src/db/jobs.repository.js";
import type { JobKind, JobRow } from "../../../src/db/rows.js";
import { AppError } from "../../../src/errors/app-error.js";
import { JobEvents } from "../../../src/recsys/jobs/job-events.js";
import { hasEnded, JobService, type JobSnapshot } from "../../../src/recsys/jobs/job.service.js";
import { type JobHandlers, Worker, type WorkerOptions } from "../../../src/workers/worker.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { imagePayload } from "../../helpers/image-payload.js";
import { patience } from "../../helpers/patience.js";

async function untilRunning(service: JobService, id: string): Promise<void> {
  for await (const { state } of service.watch(id)) {
    if (state === "RUNNING") {
      return;
    }
  }
}

describeOnEveryDatabase("jobs", (open, kind) => {
  let db: Database;
  const undo: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    db = await open();
  });

  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) {
      await step();
    }
    await db.pool.query("DELETE FROM jobs");
  });

  /** One process: a service and a worker, which without handlers only takes jobs back from lost workers. */
  async function createProcess(
    handlers: Partial<JobHandlers> = {},
    options: WorkerOptions & { db?: Database } = {},
  ) {
    const { db: database = db, ...workerOptions } = options;
    const logged: { details: object; message: string }[] = [];
    const jobs = new JobsRepository(database.pool);
    const events = new JobEvents();
    const service = new JobService({ jobs, events });
    const logger = {
      error: (details: object, message: string) => logged.push({ details, message }),
    };
    const worker = new Worker({ jobs, handlers, events, logger }, workerOptions);
    await worker.start();
    undo.push(() => worker.stop({ graceMs: 100 }));
    return { jobs, service, worker, logged };
  }

  it("makes one job of 64 requests with one key at once", async () => {
    let numRuns = 0;
    const { service } = await createProcess({
      PERSONALIZE_IMAGE: async () => {
        numRuns++;
        return { imageId: "i" };
      },
    });
    const jobs = await Promise.all(
      Array.from({ length: 64 }, () =>
        service.request("PERSONALIZE_IMAGE", imagePayload("a"), { dedupeKey: "a" }),
      ),
    );
    // The job may end before the last request, which then rightly begins another: keys are freed by the end.
    const ids = new Set(jobs.map(job => job.id));
    for (const id of ids) {
      expect(await service.waitFor(id, patience(20_000))).toMatchObject({
        state: "SUCCEEDED",
        progress: 1,
        result: { imageId: "i" },
        attempts: 1,
      });
    }
    expect(numRuns).toBe(ids.size);
    expect(await service.findSucceeded("a")).toMatchObject({ state: "SUCCEEDED" });
  });

  it("gives every request the waiting job, and a new one once it has ended", async () => {
    const { service, jobs: rows } = await createProcess();
    const jobs = await Promise.all(
      Array.from({ length: 64 }, () =>
        service.request("PERSONALIZE_IMAGE", imagePayload("a"), { dedupeKey: "a" }),
      ),
    );
    expect(new Set(jobs.map(job => job.id)).size).toBe(1);
    const claimed = await rows.claim("PERSONALIZE_IMAGE");
    expect(claimed?.payload).toEqual(imagePayload("a"));
    expect(await rows.claim("PERSONALIZE_IMAGE")).toBeNull();
    await rows.complete(claimed!, undefined);
    const next = await service.request("PERSONALIZE_IMAGE", imagePayload("a"), { dedupeKey: "a" });
    expect(next.id).not.toBe(jobs[0].id);
  });

  it("starts a job at once when the worker is in the same process", async () => {
    const { service } = await createProcess(
      { INDEX: async () => "done" },
      { pollMs: patience(60_000) }, // polling would come too late
    );
    const { id } = await service.request("INDEX", {});
    expect(await service.waitFor(id, patience(10_000))).toMatchObject({
      state: "SUCCEEDED",
      result: "done",
    });
  });

  it("tells the place in the queue of its kind, from 1", async () => {
    const { service } = await createProcess();
    const jobs: JobRow[] = [];
    for (const name of ["a", "b", "c"]) {
      jobs.push(await service.request("PERSONALIZE_IMAGE", imagePayload(name)));
    }
    await db.pool.query("UPDATE jobs SET created_at = '2026-01-01'"); // all within one millisecond
    await service.request("INDEX", {});
    const places = async () =>
      Promise.all(jobs.map(async ({ id }) => (await service.get(id)).queuePosition));
    expect(await places()).toEqual([1, 2, 3]);
    await service.cancel(jobs[0].id);
    expect(await places()).toEqual([null, 1, 2]);
  });

  it("serves a live job before those of a batch, also one that a batch asked for first", async () => {
    const { service, jobs } = await createProcess();
    const ask = (name: string, priority?: number) =>
      service.request("PERSONALIZE_IMAGE", imagePayload(name), { dedupeKey: name, priority });
    const batch = await service.requestMany(
      ["a", "b", "c"].map(name => ({
        kind: "PERSONALIZE_IMAGE" as const,
        payload: imagePayload(name),
        dedupeKey: name,
      })),
    );
    const live = await ask("d", JobPriority.LIVE);
    expect((await ask("b", JobPriority.LIVE)).id).toBe(batch[1].job.id);
    await ask("c"); // asked for again by a batch: nothing changes
    const ids = [batch[0], batch[1], batch[2]].map(({ job }) => job.id);
    const places = await Promise.all(
      [...ids, live.id].map(async id => (await service.get(id)).queuePosition),
    );
    expect(places).toEqual([3, 1, 4, 2]);
    const listed = await new CatalogQueries(db.prisma, db.pool).findQueuePositions([
      ...ids,
      live.id,
    ]);
    expect([...ids, live.id].map(id => listed.get(id))).toEqual(places);
    expect(await jobs.claim("PERSONALIZE_IMAGE", "batch")).toMatchObject({ id: ids[0] });
    const claimed = [];
    for (let n = 0; n < 3; n++) {
      claimed.push((await jobs.claim("PERSONALIZE_IMAGE"))?.id);
    }
    expect(claimed).toEqual([ids[1], live.id, ids[2]]); // in the order of their places
    expect(await jobs.claim("PERSONALIZE_IMAGE")).toBeNull();
  });

  it("puts a released job back as it was", async () => {
    const { service, jobs } = await createProcess();
    const { id } = await service.request("PERSONALIZE_IMAGE", imagePayload("a"), {
      priority: JobPriority.LIVE,
    });
    expect(await jobs.claim("PERSONALIZE_IMAGE", "batch")).toBeNull();
    const claimed = await jobs.claim("PERSONALIZE_IMAGE", "live");
    await jobs.release(claimed!);
    expect(await service.get(id)).toMatchObject({ state: "QUEUED", attempts: 0, queuePosition: 1 });
    expect(await jobs.claim("PERSONALIZE_IMAGE", "live")).toMatchObject({ id, attempts: 1 });
  });

  it("leaves the priority of a running job as it is", async () => {
    const { service, jobs } = await createProcess();
    const ask = (priority: number) =>
      service.request("PERSONALIZE_IMAGE", imagePayload("a"), { dedupeKey: "a", priority });
    await ask(JobPriority.BATCH);
    const claimed = await jobs.claim("PERSONALIZE_IMAGE");
    expect(await ask(JobPriority.LIVE)).toMatchObject({ id: claimed?.id, priority: 0 });
  });

  it("has room for live jobs while others run", async () => {
    const begun: string[] = [];
    const { service } = await createProcess(
      {
        PERSONALIZE_IMAGE: async ({ payload }, { signal }) => {
          begun.push(payload.itemId);
          if (payload.itemId.startsWith("batch")) {
            await new Promise(resolve => {
              signal.addEventListener("abort", resolve);
            });
          }
        },
      },
      { concurrency: { PERSONALIZE_IMAGE: { live: 1, batch: 2 } } },
    );
    for (const name of ["batch 1", "batch 2", "batch 3"]) {
      await service.request("PERSONALIZE_IMAGE", imagePayload(name));
    }
    const live = await service.request("PERSONALIZE_IMAGE", imagePayload("live"), {
      priority: JobPriority.LIVE,
    });
    await service.waitFor(live.id, patience(20_000));
    expect(begun.filter(name => name !== "live").length).toBeLessThanOrEqual(2);
    expect(begun).toContain("live");
  });

  it("stores many jobs in their order, one of each key, or none of them", async () => {
    const { service, jobs } = await createProcess();
    const job = (name: string, more: object = {}) => ({
      kind: "PERSONALIZE_IMAGE" as const,
      payload: imagePayload(name),
      dedupeKey: name,
      ...more,
    });
    const { id: first } = await service.request("PERSONALIZE_IMAGE", imagePayload("b"), {
      dedupeKey: "b",
    });
    const made = await service.requestMany([job("c"), job("b"), job("a"), job("c")]);
    expect(made.map(({ isNew }) => isNew)).toEqual([true, false, true, false]);
    expect(made[1].job.id).toBe(first);
    expect(made[3].job.id).toBe(made[0].job.id);
    const places = await Promise.all(
      made.map(async ({ job: { id } }) => (await service.get(id)).queuePosition),
    );
    expect(places).toEqual([2, 1, 3, 2]);
    await expect(jobs.createMany([job("d"), job("e", { userId: "nobody" })])).rejects.toMatchObject(
      { code: "USER_NOT_FOUND", details: { userId: "nobody" } },
    );
    expect((await db.pool.query("SELECT FROM jobs")).rowCount).toBe(3);
    expect(await service.requestMany([])).toEqual([]);
  });

  it("shows every stage of a watched job, and its end", async () => {
    const { service } = await createProcess({
      PERSONALIZE_IMAGE: async (_job, { report }) => {
        await report(0.25, "first");
        await report(0.5, "second", "f".repeat(64));
        return {};
      },
    });
    const job = await service.request("PERSONALIZE_IMAGE", imagePayload("a"));
    const seen: JobSnapshot[] = [];
    for await (const snapshot of service.watch(job.id)) {
      seen.push(snapshot);
    }
    expect(seen.at(-1)).toMatchObject({
      state: "SUCCEEDED",
      stage: "second",
      progress: 1,
      previewHash: "f".repeat(64),
    });
    expect(seen.map(({ progress }) => progress)).toEqual(
      seen.map(({ progress }) => progress).sort((a, b) => a - b),
    );
  });

  it.each([
    [-0.5, 0],
    [1.5, 1],
    [NaN, 0],
    [Infinity, 1],
  ])("keeps a progress of %p within 0 and 1", async (given, stored) => {
    const { service } = await createProcess({
      PERSONALIZE_IMAGE: async (job, { report }) => {
        await report(given, "a stage");
        return { progress: (await service.get(job.id)).progress };
      },
    });
    const { id } = await service.request("PERSONALIZE_IMAGE", imagePayload("a"));
    expect(await service.waitFor(id, patience(20_000))).toMatchObject({
      state: "SUCCEEDED",
      result: { progress: stored },
    });
  });

  it("shows a job that runs in another process", async () => {
    const here = await createProcess();
    const { id } = await here.service.request("INDEX", {});
    await createProcess({ INDEX: async () => "there" }, { pollMs: 100 });
    expect(await here.service.waitFor(id, patience(10_000))).toMatchObject({ result: "there" });
  });

  it("ends a watch whose signal is raised", async () => {
    const { service } = await createProcess();
    const { id } = await service.request("INDEX", {});
    const seen = [];
    for await (const job of service.watch(id, AbortSignal.timeout(50))) {
      seen.push(job.state);
    }
    expect(seen).toEqual(["QUEUED"]);
    expect((await service.waitFor(id, 20)).state).toBe("QUEUED");
  });

  it("cancels a queued job at once, and never runs it", async () => {
    const before = await createProcess();
    const { id } = await before.service.request("INDEX", {});
    expect(await before.service.cancel(id)).toMatchObject({ state: "CANCELLED" });
    const ran: string[] = [];
    const { service } = await createProcess({ INDEX: async job => void ran.push(job.id) });
    const other = await service.request("INDEX", {});
    await service.waitFor(other.id, patience(10_000));
    expect(ran).toEqual([other.id]);
    await expect(service.cancel(id)).rejects.toMatchObject({ code: "JOB_NOT_CANCELLABLE" });
    await expect(service.cancel("nonsense")).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  it.each(["the same process", "another process"])("stops a running job from %s", async where => {
    const untilAborted: JobHandlers["INDEX"] = (_job, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          reject(signal.reason as Error);
        });
      });
    const isHere = where === "the same process";
    const { service } = await createProcess(
      { INDEX: untilAborted },
      { heartbeatMs: isHere ? patience(60_000) : 50, pollMs: 50 },
    );
    const { id } = await service.request("INDEX", {});
    await untilRunning(service, id);
    const caller = isHere ? service : (await createProcess()).service;
    await caller.cancel(id);
    expect(await caller.waitFor(id, patience(10_000))).toMatchObject({
      state: "CANCELLED",
      errorCode: null,
      cancelRequested: true,
    });
  });

  it("stores the code of a known failure, and masks and logs an unknown one", async () => {
    const { service, logged } = await createProcess({
      INDEX: () => Promise.reject(new AppError("INDEX_NOT_BUILT")),
      PERSONALIZE_IMAGE: () => Promise.reject(new Error("password hunter2")),
    });
    const known = await service.request("INDEX", {});
    expect(await service.waitFor(known.id, patience(10_000))).toMatchObject({
      state: "FAILED",
      errorCode: "INDEX_NOT_BUILT",
      errorMessage: "The caption index is not built; run 'vitrine index'",
    });
    const unknown = await service.request("PERSONALIZE_IMAGE", imagePayload("a"));
    expect(await service.waitFor(unknown.id, patience(10_000))).toMatchObject({
      state: "FAILED",
      errorCode: "INTERNAL_SERVER_ERROR",
      errorMessage: "Internal server error",
    });
    expect(logged).toMatchObject([
      { details: { err: { code: "INDEX_NOT_BUILT" }, jobId: known.id, kind: "INDEX" } },
      { details: { err: { message: "password hunter2" }, jobId: unknown.id } },
    ]);
  });

  it("records a job whose result cannot be stored", async () => {
    const { service } = await createProcess({ INDEX: async () => ({ big: 1n }) });
    const { id } = await service.request("INDEX", {});
    expect(await service.waitFor(id, patience(10_000))).toMatchObject({
      errorCode: "INTERNAL_SERVER_ERROR",
    });
  });

  it("queues a lost worker's job again, and gives up after the third", async () => {
    const { service, jobs: dead } = await createProcess();
    const { id } = await service.request("INDEX", {});
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const claimed = await dead.claim("INDEX"); // it says no more, as if its process were killed
      expect(claimed).toMatchObject({ id, attempts: attempt });
      await sleep(5);
      const other = await createProcess({}, { lostAfterMs: 1 });
      const expected = attempt < MAX_ATTEMPTS ? "QUEUED" : "FAILED";
      expect(await service.get(id)).toMatchObject({ state: expected });
      expect(other.logged).toHaveLength(attempt < MAX_ATTEMPTS ? 0 : 1);
      await other.worker.stop();
      // Whatever the lost attempt still records is refused.
      expect(await dead.heartbeat(claimed!)).toBeNull();
      expect(await dead.complete(claimed!, "too late")).toBeNull();
      expect(await service.get(id)).toMatchObject({ state: expected, result: null });
    }
    expect(await service.get(id)).toMatchObject({ errorCode: "WORKER_LOST", attempts: 3 });
  });

  it("cancels a lost worker's job that was to be cancelled", async () => {
    const { service, jobs } = await createProcess();
    const { id } = await service.request("INDEX", {});
    await jobs.claim("INDEX");
    await service.cancel(id);
    await sleep(5);
    await createProcess({}, { lostAfterMs: 1 });
    expect(await service.get(id)).toMatchObject({ state: "CANCELLED" });
  });

  it("runs a lost worker's job while it looks for such jobs from time to time", async () => {
    const { service, jobs } = await createProcess();
    const { id } = await service.request("INDEX", {});
    await jobs.claim("INDEX");
    await createProcess(
      { INDEX: async () => "again" },
      { lostAfterMs: 100, rescueMs: 20, pollMs: patience(60_000) },
    );
    expect(await service.waitFor(id, patience(10_000))).toMatchObject({
      result: "again",
      attempts: 2,
    });
  });

  it("leaves a job alone whose worker gave a sign of life lately, or runs here", async () => {
    let finish: () => void = () => undefined;
    const { service } = await createProcess(
      { INDEX: () => new Promise<void>(resolve => (finish = resolve)) },
      { lostAfterMs: patience(100), rescueMs: 5, heartbeatMs: patience(60_000) },
    );
    const { id } = await service.request("INDEX", {});
    await untilRunning(service, id);
    await createProcess(); // takes lost jobs back when it starts
    await sleep(patience(200));
    expect(await service.get(id)).toMatchObject({ state: "RUNNING", attempts: 1 });
    finish();
    expect(await service.waitFor(id, patience(10_000))).toMatchObject({ state: "SUCCEEDED" });
  });

  it("takes all running jobs back when it is the only process and starts", async () => {
    const dead = await createProcess();
    const { id } = await dead.service.request("INDEX", {});
    await dead.jobs.claim("INDEX");
    const { service } = await createProcess(
      { INDEX: async () => "again" },
      { isOnlyProcess: true },
    );
    expect(await service.waitFor(id, patience(10_000))).toMatchObject({
      result: "again",
      attempts: 2,
    });
  });

  const versionId = "00000000-0000-4000-8000-000000000001";
  const training = { versionId, seed: 1, config: {}, activate: true };
  it.each<[JobKind, string, object]>([
    ["PERSONALIZE_IMAGE", "userId", { ...imagePayload("i"), userId: 7 }],
    [
      "PERSONALIZE_IMAGE",
      "options.strength",
      { ...imagePayload("i"), options: { ...imagePayload("i").options, strength: 2 } },
    ],
    ["IMPORT", "source", { source: "elsewhere", folder: null, seed: null }],
    ["IMPORT", "folder", { source: "catalogue", folder: null, seed: null }],
    ["IMPORT", "folder", { source: "catalogue", folder: "../spring", seed: null }],
    ["INDEX", "since", { since: "yesterday" }],
    ["TRAIN_RANKER", "versionId", { ...training, versionId: "newest" }],
    ["TRAIN_RANKER", "learningRate", { ...training, config: { learningRate: 0 } }],
    ["TRAIN_PERSONALIZER", "activate", { ...training, activate: null }],
    ["TRAIN_PERSONALIZER", "batchSize", { ...training, config: { batchSize: "8" } }],
    ["TRAIN_PERSONALIZER", "model.mapper", { ...training, config: { model: { mapper: 4 } } }],
    ["SCORE_IMAGES", "all", { all: true }],
    ["RERANK", "seeds", { runId: versionId, config: { seeds: [] }, activate: false }],
    ["RERANK", "activate", { runId: versionId, config: { protocol: "paper" }, activate: true }],
  ])("refuses a payload of %s that is wrong in %s at once", async (kind, field, payload) => {
    const { service } = await createProcess();
    const valid = { kind: "INDEX" as const, payload: {} };
    const refused = service.requestMany([valid, { kind, payload }]);
    await expect(refused).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(field) as string,
    });
    expect((await db.pool.query("SELECT FROM jobs")).rowCount).toBe(0);
  });

  it("refuses a job whose payload an earlier version stored and this one cannot run", async () => {
    const { jobs, service } = await createProcess({ IMPORT: async () => "run" });
    const payload = { source: "elsewhere", folder: null, seed: null };
    const [{ job }] = await jobs.createMany([{ kind: "IMPORT", payload }]);
    expect(await service.waitFor(job.id, patience(10_000))).toMatchObject({
      state: "FAILED",
      errorCode: "INVALID_ARGUMENT",
      errorMessage: expect.stringContaining("source") as string,
    });
  });

  it("finishes the running job when it stops", async () => {
    let finish: () => void = () => undefined;
    const { service, worker } = await createProcess({
      INDEX: () => new Promise<void>(resolve => (finish = resolve)),
    });
    const { id } = await service.request("INDEX", {});
    await untilRunning(service, id);
    const stopped = worker.stop({ graceMs: patience(10_000) });
    finish();
    await stopped;
    expect(await service.get(id)).toMatchObject({ state: "SUCCEEDED" });
  });

  it("puts back what does not finish in time when it stops", async () => {
    const { service, worker } = await createProcess({
      INDEX: (_job, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            reject(signal.reason as Error);
          });
        }),
    });
    const { id } = await service.request("INDEX", {});
    await untilRunning(service, id);
    await worker.stop({ graceMs: 1 });
    expect(await service.get(id)).toMatchObject({ state: "QUEUED", attempts: 0 });
    const next = await createProcess({ INDEX: async () => "later" });
    expect(await next.service.waitFor(id, patience(10_000))).toMatchObject({
      result: "later",
      attempts: 1,
    });
  });

  it("names the user or item that is not there", async () => {
    const { service } = await createProcess();
    await expect(service.request("INDEX", {}, { userId: "nobody" })).rejects.toMatchObject({
      code: "USER_NOT_FOUND",
    });
    await expect(service.request("INDEX", {}, { itemId: "nothing" })).rejects.toMatchObject({
      code: "ITEM_NOT_FOUND",
    });
  });

  const onPostgres = kind === "postgres" ? it : it.skip;

  onPostgres("shares one queue between two workers without running a job twice", async () => {
    const ran: string[] = [];
    const by: number[] = [];
    const handlersOf = (worker: number): Partial<JobHandlers> => ({
      PERSONALIZE_IMAGE: async job => {
        await new Promise(resolve => setTimeout(resolve, 3));
        ran.push(job.payload.itemId);
        by.push(worker);
      },
    });
    const options = { pollMs: 20, concurrency: { PERSONALIZE_IMAGE: 3 } };
    const requester = await createProcess();
    const names = Array.from({ length: 60 }, (_, n) => `job ${n}`);
    await createProcess(handlersOf(0), { ...options, db: await open() });
    await createProcess(handlersOf(1), { ...options, db: await open() });
    const jobs = await Promise.all(
      names.map(name => requester.service.request("PERSONALIZE_IMAGE", imagePayload(name))),
    );
    const ended = await Promise.all(
      jobs.map(({ id }) => requester.service.waitFor(id, patience(30_000))),
    );
    expect(ended.every(hasEnded)).toBe(true);
    expect([...ran].sort()).toEqual([...names].sort());
    expect(new Set(by)).toEqual(new Set([0, 1]));
  });
});
