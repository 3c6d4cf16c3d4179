import { CatalogQueries } from "../../../src/db/catalog-queries.js";
import { type Database } from "../../../src/db/database.js";
import { JobQueue } from "../../../src/db/job-queue.js";
import { JobPriority, JobsRepository, MAX_ATTEMPTS } from "../../../src/db/jobs.repository.js";
import type { JobRow } from "../../../src/db/rows.js";
import { AppError } from "../../../src/errors/app-error.js";
import { JobEvents } from "../../../src/recsys/jobs/job-events.js";
import { hasEnded, JobService, type JobSnapshot } from "../../../src/recsys/jobs/job.service.js";
import { type JobHandlers, Worker, type WorkerOptions } from "../../../src/workers/worker.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { patience } from "../../helpers/patience.js";

interface Payloads {
  PERSONALIZE_IMAGE: { name: string };
  INDEX: object;
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
    await db.pool.query("DELETE FROM pgboss.job");
  });

  /** One process: a queue, a service and, with handlers, a worker. */
  async function createProcess(
    handlers?: Partial<JobHandlers<Payloads>>,
    options: WorkerOptions & { isOnlyProcess?: boolean; lostAfterMs?: number; db?: Database } = {},
  ) {
    const { isOnlyProcess = false, lostAfterMs, db: database = db, ...workerOptions } = options;
    const logged: { details: object; message: string }[] = [];
    const jobs = new JobsRepository(database.pool);
    const queue = new JobQueue({
      pool: database.pool,
      jobs,
      isOnlyProcess,
      lostAfterMs,
      onError: error => logged.push({ details: { error }, message: "queue" }),
    });
    await queue.start();
    undo.push(() => queue.stop());
    const events = new JobEvents();
    const service = new JobService({ jobs, queue, events });
    const worker = new Worker<Payloads>(
      {
        queue,
        handlers: (handlers ?? {}) as JobHandlers<Payloads>,
        events,
        logger: { error: (details, message) => logged.push({ details, message }) },
      },
      workerOptions,
    );
    if (handlers) {
      worker.start();
      undo.push(() => worker.stop({ graceMs: 100 }));
    }
    return { jobs, queue, service, worker, logged };
  }

  /** What is next in the queue: an entry can be claimed from the clock's next tick on. */
  async function claimNext(queue: JobQueue): Promise<JobRow> {
    for (;;) {
      const claimed = await queue.claim("INDEX");
      if (claimed) {
        return claimed;
      }
      await new Promise(resolve => setTimeout(resolve, 5));
    }
  }

  const numEntries = async () => {
    const { rows } = await db.pool.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM pgboss.job",
    );
    return rows[0].n;
  };

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
        service.request("PERSONALIZE_IMAGE", { name: "a" }, { dedupeKey: "a" }),
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
    const { service, queue } = await createProcess();
    const jobs = await Promise.all(
      Array.from({ length: 64 }, () =>
        service.request("PERSONALIZE_IMAGE", { name: "a" }, { dedupeKey: "a" }),
      ),
    );
    expect(new Set(jobs.map(job => job.id)).size).toBe(1);
    const claimed = await queue.claim("PERSONALIZE_IMAGE");
    expect(claimed?.payload).toEqual({ name: "a" });
    expect(await queue.claim("PERSONALIZE_IMAGE")).toBeNull();
    await queue.complete(claimed!, undefined);
    const next = await service.request("PERSONALIZE_IMAGE", { name: "a" }, { dedupeKey: "a" });
    expect(next.id).not.toBe(jobs[0].id);
  });

  it("starts a job at once when the worker is in the same process", async () => {
    const { service, worker } = await createProcess(
      { INDEX: async () => "done" },
      { pollMs: patience(60_000) }, // polling would come too late
    );
    const { id } = await service.request("INDEX", {});
    expect(await service.waitFor(id, patience(10_000))).toMatchObject({
      state: "SUCCEEDED",
      result: "done",
    });
    await worker.stop(); // the queue's entry goes after the job has ended
    expect(await numEntries()).toBe(0);
  });

  it("tells the place in the queue of its kind, from 1", async () => {
    const { service } = await createProcess();
    const jobs: JobRow[] = [];
    for (const name of ["a", "b", "c"]) {
      jobs.push(await service.request("PERSONALIZE_IMAGE", { name }));
    }
    await service.request("INDEX", {});
    const places = async () =>
      Promise.all(jobs.map(async ({ id }) => (await service.get(id)).queuePosition));
    expect(await places()).toEqual([1, 2, 3]);
    await service.cancel(jobs[0].id);
    expect(await places()).toEqual([null, 1, 2]);
  });

  it("serves a live job before those of a batch, also one that a batch asked for first", async () => {
    const { service, queue } = await createProcess();
    const ask = (name: string, priority?: number) =>
      service.request("PERSONALIZE_IMAGE", { name }, { dedupeKey: name, priority });
    const batch = await service.requestMany(
      ["a", "b", "c"].map(name => ({
        kind: "PERSONALIZE_IMAGE" as const,
        payload: { name },
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
    const listed = await new CatalogQueries(db.prisma).findQueuePositions([...ids, live.id]);
    expect([...ids, live.id].map(id => listed.get(id))).toEqual(places);
    expect(await queue.claim("PERSONALIZE_IMAGE", "batch")).toMatchObject({ id: ids[0] });
    const claimed = [];
    for (let n = 0; n < 3; n++) {
      claimed.push((await queue.claim("PERSONALIZE_IMAGE"))?.id);
    }
    expect(claimed.slice(0, 2).sort()).toEqual([ids[1], live.id].sort());
    expect(claimed[2]).toBe(ids[2]);
    expect(await queue.claim("PERSONALIZE_IMAGE")).toBeNull(); // the raised one has one entry
  });

  it("finds a live job again whose entry was lost, and puts a released one back as it was", async () => {
    const { service, jobs, queue } = await createProcess();
    const priority = JobPriority.LIVE;
    const { job } = await jobs.create({ kind: "PERSONALIZE_IMAGE", payload: {}, priority });
    await queue.reconcile();
    const claimed = await queue.claim("PERSONALIZE_IMAGE", "live");
    expect(claimed?.id).toBe(job.id);
    await queue.release(claimed!);
    expect((await service.get(job.id)).state).toBe("QUEUED");
    expect((await queue.claim("PERSONALIZE_IMAGE", "live"))?.id).toBe(job.id);
    expect(await numEntries()).toBe(1);
  });

  it("has room for live jobs while others run", async () => {
    const begun: string[] = [];
    const { service } = await createProcess(
      {
        PERSONALIZE_IMAGE: async ({ payload }, { signal }) => {
          begun.push(payload.name);
          if (payload.name.startsWith("batch")) {
            await new Promise(resolve => {
              signal.addEventListener("abort", resolve);
            });
          }
        },
      },
      { concurrency: { PERSONALIZE_IMAGE: { live: 1, batch: 2 } } },
    );
    for (const name of ["batch 1", "batch 2", "batch 3"]) {
      await service.request("PERSONALIZE_IMAGE", { name });
    }
    const live = await service.request(
      "PERSONALIZE_IMAGE",
      { name: "live" },
      { priority: JobPriority.LIVE },
    );
    await service.waitFor(live.id, patience(20_000));
    expect(begun.filter(name => name !== "live").length).toBeLessThanOrEqual(2);
    expect(begun).toContain("live");
  });

  it("stores many jobs in their order, one of each key, or none of them", async () => {
    const { service, jobs } = await createProcess();
    const job = (name: string, more: object = {}) => ({
      kind: "PERSONALIZE_IMAGE" as const,
      payload: { name },
      dedupeKey: name,
      ...more,
    });
    const { id: first } = await service.request("PERSONALIZE_IMAGE", {}, { dedupeKey: "b" });
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
    const job = await service.request("PERSONALIZE_IMAGE", { name: "a" });
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
    const { id } = await service.request("PERSONALIZE_IMAGE", { name: "a" });
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
    const untilAborted: JobHandlers<Payloads>["INDEX"] = (_job, { signal }) =>
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
    for await (const { state } of service.watch(id)) {
      if (state === "RUNNING") {
        break;
      }
    }
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
    const unknown = await service.request("PERSONALIZE_IMAGE", { name: "a" });
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
    const dead = await createProcess();
    const { id } = await dead.service.request("INDEX", {});
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const claimed = await claimNext(dead.queue);
      expect(claimed).toMatchObject({ id, attempts: attempt });
      dead.queue.abandon(claimed); // it says no more, as if it were killed
      const other = await createProcess(undefined, { lostAfterMs: 1 });
      await other.queue.reconcile();
      const expected = attempt < MAX_ATTEMPTS ? "QUEUED" : "FAILED";
      expect(await other.service.get(id)).toMatchObject({ state: expected });
      // Whatever the lost attempt still records is refused.
      await dead.jobs.complete(claimed, "too late");
      expect(await other.service.get(id)).toMatchObject({ state: expected, result: null });
    }
    expect(await dead.service.get(id)).toMatchObject({ errorCode: "WORKER_LOST", attempts: 3 });
    expect(await numEntries()).toBe(0);
  });

  it("leaves a job alone whose worker gave a sign of life lately, or runs here", async () => {
    const alive = await createProcess(undefined, { lostAfterMs: 1 });
    const { id } = await alive.service.request("INDEX", {});
    await claimNext(alive.queue);
    await (await createProcess()).queue.reconcile();
    await alive.queue.reconcile();
    expect((await alive.service.get(id)).state).toBe("RUNNING");
  });

  it("takes all running jobs back when it is the only process and starts", async () => {
    const dead = await createProcess();
    const { id } = await dead.service.request("INDEX", {});
    await claimNext(dead.queue);
    const { service } = await createProcess(
      { INDEX: async () => "again" },
      { isOnlyProcess: true },
    );
    expect(await service.waitFor(id, patience(10_000))).toMatchObject({
      result: "again",
      attempts: 2,
    });
  });

  it("finds a queued job whose entry was never written, or was claimed by a worker that died", async () => {
    const { service, jobs, queue } = await createProcess();
    const { job } = await jobs.create({ kind: "INDEX", payload: {} });
    const { id } = await service.request("INDEX", {});
    await db.pool.query(
      "UPDATE pgboss.job SET state = 'active', started_on = now() - interval '1 minute'",
    );
    await queue.reconcile();
    const claimed = [await claimNext(queue), await claimNext(queue)];
    expect(claimed.map(row => row.id).sort()).toEqual([job.id, id].sort()); // the order of entries made at one time is open
  });

  it("finishes the running job when it stops", async () => {
    let finish: () => void = () => undefined;
    const { service, worker } = await createProcess({
      INDEX: () => new Promise<void>(resolve => (finish = resolve)),
    });
    const { id } = await service.request("INDEX", {});
    for await (const { state } of service.watch(id)) {
      if (state === "RUNNING") {
        break;
      }
    }
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
    for await (const { state } of service.watch(id)) {
      if (state === "RUNNING") {
        break;
      }
    }
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
    const handlersOf = (worker: number): Partial<JobHandlers<Payloads>> => ({
      PERSONALIZE_IMAGE: async job => {
        await new Promise(resolve => setTimeout(resolve, 3));
        ran.push(job.payload.name);
        by.push(worker);
      },
    });
    const options = { pollMs: 20, concurrency: { PERSONALIZE_IMAGE: 3 } };
    const requester = await createProcess();
    const names = Array.from({ length: 60 }, (_, n) => `job ${n}`);
    await createProcess(handlersOf(0), { ...options, db: await open() });
    await createProcess(handlersOf(1), { ...options, db: await open() });
    const jobs = await Promise.all(
      names.map(name => requester.service.request("PERSONALIZE_IMAGE", { name })),
    );
    const ended = await Promise.all(
      jobs.map(({ id }) => requester.service.waitFor(id, patience(30_000))),
    );
    expect(ended.every(hasEnded)).toBe(true);
    expect([...ran].sort()).toEqual([...names].sort());
    expect(new Set(by)).toEqual(new Set([0, 1]));
  });
});
