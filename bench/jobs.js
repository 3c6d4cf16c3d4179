/**
 * How many jobs a second are queued, and claimed and ended by eight loops, on the embedded Postgres and, with
 * `DATABASE_URL`, on that one. Only for a database without jobs of its own: all are deleted.
 */
import { openDatabase } from "../dist/db/database.js";
import { JobsRepository } from "../dist/db/jobs.repository.js";

const NUM_JOBS = 5_000;
const NUM_LOOPS = 8;

async function measure(databaseUrl) {
  const { pool, close, kind } = await openDatabase({ databaseUrl, folder: null });
  const jobs = new JobsRepository(pool);
  await pool.query("DELETE FROM jobs");
  const startMs = performance.now();
  await jobs.createMany(
    Array.from({ length: NUM_JOBS }, (_, n) => ({ kind: "INDEX", payload: {}, dedupeKey: `${n}` })),
  );
  const queuedMs = performance.now();
  const work = async () => {
    for (let job = await jobs.claim("INDEX"); job; job = await jobs.claim("INDEX")) {
      await jobs.complete(job, {});
    }
  };
  await Promise.all(Array.from({ length: NUM_LOOPS }, work));
  const endedMs = performance.now();
  await pool.query("DELETE FROM jobs");
  await close();
  const perSecond = ms => Math.round(NUM_JOBS / (ms / 1_000));
  return {
    database: kind,
    queuedPerSecond: perSecond(queuedMs - startMs),
    endedPerSecond: perSecond(endedMs - queuedMs),
  };
}

export async function run() {
  const url = process.env.DATABASE_URL;
  const databases = [await measure(null), ...(url ? [await measure(url)] : [])];
  console.table(databases);
  return { numJobs: NUM_JOBS, numLoops: NUM_LOOPS, databases };
}
