/** @file Queues the job that indexes changed items. */
import type { JobRow } from "../../db/rows.js";
import type { JobService } from "../jobs/job.service.js";

/** A running job may have passed a changed item already, so a second one may wait behind it. */
const KEYS = ["index", "index:next"];

/** A queued indexing that starts after now; the waiting one if there is one. */
export async function requestIndexing(jobs: Pick<JobService, "request">): Promise<JobRow> {
  for (const dedupeKey of KEYS) {
    const job = await jobs.request("INDEX", {}, { dedupeKey });
    if (job.state === "QUEUED") {
      return job;
    }
  }
  return jobs.request("INDEX", {});
}
