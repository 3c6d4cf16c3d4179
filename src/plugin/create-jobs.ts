/** @file The queue of jobs, and the service that accepts, cancels and follows them. */
import type { Logger } from "pino";
import type { Database } from "../db/database.js";
import { JobQueue } from "../db/job-queue.js";
import { JobEvents } from "../recsys/jobs/job-events.js";
import { JobService } from "../recsys/jobs/job.service.js";
import type { Storage } from "./create-storage.js";

export function createJobs(
  { kind, pool }: Database,
  { jobRows }: Pick<Storage, "jobRows">,
  logger: Logger,
) {
  const events = new JobEvents();
  const queue = new JobQueue({
    pool,
    jobs: jobRows,
    isOnlyProcess: kind === "embedded",
    onError: error => {
      logger.error({ err: error }, "the upkeep of the job queue failed; it is tried again");
    },
    onGivenUp: ({ id: jobId, kind, userId, itemId, errorMessage }) => {
      logger.error({ jobId, kind, userId, itemId, errorMessage }, "a job failed");
    },
  });
  return { events, queue, jobs: new JobService({ jobs: jobRows, queue, events }) };
}
