/** @file Jobs that meet a fault of the database or the disk are put back, and their end waits for the database. */
import type { Database } from "../../../src/db/database.js";
import { JobsRepository } from "../../../src/db/jobs.repository.js";
import { AppError } from "../../../src/errors/app-error.js";
import { JobEvents } from "../../../src/recsys/jobs/job-events.js";
import { JobService } from "../../../src/recsys/jobs/job.service.js";
import { type JobHandlers, Worker } from "../../../src/workers/worker.js";
import { describeOnEveryDatabase } from "../../helpers/databases.js";
import { imagePayload } from "../../helpers/image-payload.js";
import { patience } from "../../helpers/patience.js";

const isAway = () => Object.assign(new Error("read"), { code: "ECONNRESET" });

describeOnEveryDatabase("a job's setbacks", open => {
  let db: Database;
  let worker: Worker | null = null;

  beforeAll(async () => {
    db = await open();
  });
  afterEach(async () => {
    await worker?.stop({ graceMs: 100 });
    await db.pool.query("DELETE FROM jobs");
  });

  async function run(
    handler: JobHandlers["PERSONALIZE_IMAGE"],
    change: (jobs: JobsRepository) => void = () => undefined,
  ) {
    const jobs = new JobsRepository(db.pool);
    change(jobs);
    const events = new JobEvents();
    const messages: string[] = [];
    const logger = { error: (_details: object, message: string) => messages.push(message) };
    worker = new Worker({ jobs, handlers: { PERSONALIZE_IMAGE: handler }, events, logger });
    await worker.start();
    const service = new JobService({ jobs, events });
    const { id } = await service.request("PERSONALIZE_IMAGE", imagePayload("a"));
    return { job: await service.waitFor(id, patience(20_000)), messages };
  }

  it("is put back for a full disk, and done when there is room; the attempt does not count", async () => {
    let numRuns = 0;
    const { job, messages } = await run(async () => {
      if (++numRuns === 1) {
        throw new AppError("DISK_FULL", { path: "blobs" });
      }
      return { imageId: "i" };
    });
    expect(job).toMatchObject({ state: "SUCCEEDED", attempts: 1, errorCode: null });
    expect(numRuns).toBe(2);
    expect(messages).toEqual(["a job is put back"]);
  });

  it("is recorded when the database is back, and not done again", async () => {
    let [numRuns, numTries] = [0, 0];
    const { job, messages } = await run(
      async () => {
        numRuns++;
        return { imageId: "i" };
      },
      jobs => {
        const complete = jobs.complete.bind(jobs);
        jobs.complete = (attempt, result) =>
          ++numTries < 3 ? Promise.reject(isAway()) : complete(attempt, result);
      },
    );
    expect(job).toMatchObject({ state: "SUCCEEDED", result: { imageId: "i" } });
    expect([numRuns, numTries]).toEqual([1, 3]);
    expect(messages).toEqual(["a job's end waits to be recorded"]);
  });

  it("fails for a fault of its own at the first attempt", async () => {
    const { job } = await run(async () => {
      throw new AppError("IMAGE_DAMAGED", { hash: "0" });
    });
    expect(job).toMatchObject({ state: "FAILED", errorCode: "IMAGE_DAMAGED", attempts: 1 });
  });

  it("is found as lost if its last sign of life is from the future", async () => {
    const jobs = new JobsRepository(db.pool);
    const [{ job }] = await jobs.createMany([
      { kind: "PERSONALIZE_IMAGE", payload: imagePayload("a") },
    ]);
    await jobs.claim("PERSONALIZE_IMAGE");
    expect(await jobs.takeFromLostWorkers([], 30_000)).toEqual([]);
    await db.pool.query("UPDATE jobs SET heartbeat_at = now() + interval '1 hour'");
    expect(await jobs.takeFromLostWorkers([job.id], 30_000)).toEqual([]); // it runs in this process
    expect(await jobs.takeFromLostWorkers([], 30_000)).toMatchObject([
      { id: job.id, state: "QUEUED" },
    ]);
  });
});
