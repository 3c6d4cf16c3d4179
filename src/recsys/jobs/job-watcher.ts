/**
 * @file Follows any number of jobs with one statement at a time: all watched rows are read together, every `pollMs` and
 * when this process hears that one changed.
 */
import type { JobSnapshot } from "../../db/jobs.repository.js";
import type { JobEvents } from "./job-events.js";

/** How often the rows of the watched jobs are read while this process hears nothing of them. */
const POLL_MS = 300;
/** A read that takes long is repeated less often: reading takes at most a fifth of the time. */
const REST_FACTOR = 4;
/** Listeners told before other work gets a turn: each may send an answer. */
const SLICE = 20;

/** What a read gave: the job, null when there is none, or why the read failed. */
export type JobNews = { job: JobSnapshot | null } | { error: unknown };

interface Dependencies {
  /** The jobs that exist, in any order. */
  jobs: { findSnapshots(ids: readonly string[]): Promise<JobSnapshot[]> };
  events: JobEvents;
  /** Default 300 ms. */
  pollMs?: number;
}

type Listener = (news: JobNews) => void;

/** Those who follow one job. */
interface Followed {
  /** The state that they were told last. Default: none. */
  told?: string;
  all: Set<Listener>;
  /** Those who were told nothing yet. */
  fresh: Set<Listener>;
}

export class JobWatcher {
  private readonly followed = new Map<string, Followed>();
  /** Jobs to read before the next poll. */
  private readonly due = new Set<string>();
  private stopListening: (() => void) | null = null;
  private timer: NodeJS.Timeout | null = null;
  private isReading = false;

  constructor(private readonly deps: Dependencies) {}

  /**
   * Gives the job as soon as it is read, then after every read in which it has changed, or that failed.
   *
   * @param jobId a UUID
   * @returns the function that ends it.
   */
  follow(jobId: string, listener: Listener): () => void {
    const followed: Followed = this.followed.get(jobId) ?? { all: new Set(), fresh: new Set() };
    this.followed.set(jobId, followed);
    followed.all.add(listener);
    followed.fresh.add(listener);
    this.stopListening ??= this.deps.events.on("changed", id => {
      if (this.followed.has(id)) {
        this.readSoon(id);
      }
    });
    this.readSoon(jobId);
    return () => {
      followed.all.delete(listener);
      followed.fresh.delete(listener);
      if (followed.all.size === 0 && this.followed.get(jobId) === followed) {
        this.followed.delete(jobId);
        this.due.delete(jobId);
      }
      if (this.followed.size === 0) {
        this.stop();
      }
    };
  }

  private stop(): void {
    this.stopListening?.();
    this.stopListening = null;
    this.schedule(null);
  }

  private readSoon(jobId: string): void {
    this.due.add(jobId);
    this.schedule(0);
  }

  /** @param delayMs null: not at all. */
  private schedule(delayMs: number | null): void {
    if (this.timer) {
      clearTimeout(this.timer);
    }
    this.timer = delayMs === null ? null : setTimeout(() => void this.read(), delayMs);
  }

  /** Reads what is due, else all. Never rejects. */
  private async read(): Promise<void> {
    if (this.isReading) {
      return; // the read in progress schedules the next one
    }
    this.isReading = true;
    const ids = this.due.size > 0 ? [...this.due] : [...this.followed.keys()];
    this.due.clear();
    const freshOf = new Map(ids.map(id => [id, [...(this.followed.get(id)?.fresh ?? [])]]));
    const startMs = performance.now();
    const newsOf = await this.newsOf(ids);
    const tookMs = performance.now() - startMs;
    for (const id of ids) {
      await this.tell(id, newsOf(id), freshOf.get(id)!); // one of them
    }
    this.isReading = false;
    if (this.followed.size > 0) {
      const restMs = REST_FACTOR * tookMs;
      this.schedule(this.due.size > 0 ? 0 : Math.max(this.deps.pollMs ?? POLL_MS, restMs));
    }
  }

  /** Tells all of a change; of what is as before only those who followed before the read and know nothing yet. */
  private async tell(id: string, news: JobNews, fresh: readonly Listener[]): Promise<void> {
    const followed = this.followed.get(id);
    if (!followed) {
      return;
    }
    const state = stateOf(news);
    const isNews = state === null || state !== followed.told;
    followed.told = state ?? undefined;
    const listeners = isNews ? [...followed.all] : fresh.filter(one => followed.fresh.has(one));
    for (const [place, listener] of listeners.entries()) {
      if (place > 0 && place % SLICE === 0) {
        await new Promise(resolve => setImmediate(resolve));
      }
      if (followed.all.has(listener)) {
        followed.fresh.delete(listener);
        listener(news);
      }
    }
  }

  private async newsOf(ids: readonly string[]): Promise<(id: string) => JobNews> {
    try {
      const found = await this.deps.jobs.findSnapshots(ids);
      const byId = new Map(found.map(job => [job.id, job]));
      return id => ({ job: byId.get(id) ?? null });
    } catch (error) {
      return () => ({ error });
    }
  }
}

/** Equal for what looks the same to those who follow; null for what all must hear. */
function stateOf(news: JobNews): string | null {
  return "job" in news && news.job ? JSON.stringify({ ...news.job, heartbeatAt: null }) : null;
}
