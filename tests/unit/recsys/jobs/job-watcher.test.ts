import { describe, expect, it } from "@jest/globals";
import type { JobSnapshot } from "../../../../src/db/jobs.repository.js";
import { JobEvents } from "../../../../src/recsys/jobs/job-events.js";
import { JobWatcher } from "../../../../src/recsys/jobs/job-watcher.js";
import { JobService } from "../../../../src/recsys/jobs/job.service.js";
import { patience } from "../../../helpers/patience.js";

const idOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;

/** A table of jobs that counts its reads. */
class Table {
  readonly reads: string[][] = [];
  readonly rows = new Map<string, Partial<JobSnapshot>>();
  fault: Error | null = null;

  readonly findSnapshots = async (ids: readonly string[]) => {
    this.reads.push([...ids]);
    await new Promise(resolve => setImmediate(resolve));
    if (this.fault) {
      throw this.fault;
    }
    return ids.flatMap(id => {
      const row = this.rows.get(id);
      return row ? [{ id, ...row } as JobSnapshot] : [];
    });
  };
}

function setUp(pollMs: number, limits?: { ofProcess: number; ofKey: number; ofShopper: number }) {
  const table = new Table();
  const events = new JobEvents();
  const jobs = { findSnapshots: table.findSnapshots } as never;
  return { table, events, service: new JobService({ jobs, events, pollMs, limits }) };
}

const queued = { state: "QUEUED" } as const;
const succeeded = { state: "SUCCEEDED" } as const;

describe("watching jobs", () => {
  it("reads the rows of all waiters together", async () => {
    const { service, table } = setUp(5);
    const ids = Array.from({ length: 200 }, (_, n) => idOf(n));
    ids.forEach(id => table.rows.set(id, queued));
    const waiting = Promise.all(ids.map(id => service.waitFor(id, patience(60_000))));
    while (table.reads.length < 5) {
      await new Promise(resolve => setTimeout(resolve, 2));
    }
    ids.forEach(id => table.rows.set(id, succeeded));
    expect((await waiting).map(({ state }) => state)).toEqual(ids.map(() => "SUCCEEDED"));
    // One by one there would be hundreds: one for each waiter and poll.
    expect(table.reads.filter(({ length }) => length === 200).length).toBe(table.reads.length);
  });

  it("tells all of a change, and of an unchanged job only those who know nothing yet", async () => {
    const table = new Table();
    const { findSnapshots } = table;
    const watcher = new JobWatcher({ jobs: { findSnapshots }, events: new JobEvents(), pollMs: 1 });
    table.rows.set(idOf(1), queued);
    const heard: string[][] = [];
    const follow = () => {
      const states: string[] = [];
      heard.push(states);
      return watcher.follow(idOf(1), news =>
        states.push("job" in news ? (news.job?.state ?? "none") : "error"),
      );
    };
    const numReads = async (count: number) => {
      const target = table.reads.length + count;
      while (table.reads.length < target) {
        await new Promise(resolve => setTimeout(resolve, 1));
      }
    };
    const stops = Array.from({ length: 100 }, follow);
    await numReads(3);
    stops.push(follow());
    await numReads(3);
    expect(heard).toEqual(heard.map(() => ["QUEUED"]));
    table.rows.set(idOf(1), { ...queued, heartbeatAt: new Date(0) });
    await numReads(3);
    table.rows.set(idOf(1), succeeded);
    await numReads(3);
    table.rows.clear();
    await numReads(2);
    stops.forEach(stop => {
      stop();
    });
    expect(heard.map(states => states.slice(0, 3))).toEqual(
      heard.map(() => ["QUEUED", "SUCCEEDED", "none"]),
    );
  });

  it("reads a job that changed at once, and only that one", async () => {
    const { events, service, table } = setUp(patience(600_000));
    [1, 2].forEach(n => table.rows.set(idOf(n), queued));
    const [first, second] = [1, 2].map(n => service.watch(idOf(n)));
    await Promise.all([first.next(), second.next()]);
    table.rows.set(idOf(2), succeeded);
    events.emit("changed", idOf(3)); // nobody watches it
    events.emit("changed", idOf(2));
    expect(await second.next()).toMatchObject({ value: { state: "SUCCEEDED" } });
    expect(table.reads.at(-1)).toEqual([idOf(2)]);
    expect(await second.next()).toEqual({ done: true, value: undefined });
    await first.return();
  });

  it("stops reading when nobody watches", async () => {
    const { service, table } = setUp(1);
    table.rows.set(idOf(1), queued);
    for await (const job of service.watch(idOf(1), AbortSignal.timeout(20))) {
      expect(job.state).toBe("QUEUED");
    }
    await new Promise(resolve => setTimeout(resolve, 5)); // a read that had begun
    const { length } = table.reads;
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(table.reads.length).toBe(length);
  });

  it("tells each waiter what a read failed with, and goes on for the next", async () => {
    const { service, table } = setUp(1);
    table.rows.set(idOf(1), queued);
    table.fault = new Error("the database is away");
    await expect(service.watch(idOf(1)).next()).rejects.toThrow("the database is away");
    table.fault = null;
    const watch = service.watch(idOf(1));
    expect(await watch.next()).toMatchObject({ value: queued });
    await watch.return();
  });

  it("tells that a job is gone", async () => {
    const { service, table } = setUp(1);
    table.rows.set(idOf(1), queued);
    const watch = service.watch(idOf(1));
    await watch.next();
    table.rows.clear();
    await expect(watch.next()).rejects.toMatchObject({ code: "JOB_NOT_FOUND" });
  });

  it("refuses a subscription too many, and answers a wait too many at once", async () => {
    const { service, table } = setUp(1, { ofProcess: 9, ofKey: 9, ofShopper: 1 });
    table.rows.set(idOf(1), queued);
    const waiting = { kind: "SHOPPER", name: "anna" } as const;
    const first = service.watch(idOf(1), undefined, waiting);
    await first.next();
    await expect(service.watch(idOf(1), undefined, waiting).next()).rejects.toMatchObject({
      code: "TOO_MANY_WAITING",
    });
    expect(await service.waitFor(idOf(1), patience(600_000), { waiting })).toMatchObject(queued);
    await first.return();
    const second = service.watch(idOf(1), undefined, waiting); // the place is free again
    expect(await second.next()).toMatchObject({ value: queued });
    await second.return();
  });

  it("frees the place of one who leaves", async () => {
    const { service, table } = setUp(patience(600_000), { ofProcess: 1, ofKey: 1, ofShopper: 1 });
    table.rows.set(idOf(1), queued);
    const leaving = new AbortController();
    const waited = service.waitFor(idOf(1), patience(600_000), { signal: leaving.signal });
    await new Promise(resolve => setTimeout(resolve, 5));
    leaving.abort();
    expect(await waited).toMatchObject(queued);
    const next = service.watch(idOf(1));
    expect(await next.next()).toMatchObject({ value: queued });
    await next.return();
  });
});
