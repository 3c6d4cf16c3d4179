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

export class JobWatcher {
  private readonly listeners = new Map<string, Set<Listener>>();
  /** Jobs to read before the next poll. */
  private readonly due = new Set<string>();
  private stopListening: (() => void) | null = null;
  private timer: NodeJS.Timeout | null = null;
  private isReading = false;

  constructor(private readonly deps: Dependencies) {}

  /**
   * Gives the job as soon as it is read, then after every read, changed or not.
   *
   * @param jobId a UUID
   * @returns the function that ends it.
   */
  follow(jobId: string, listener: Listener): () => void {
    const all = this.listeners.get(jobId) ?? new Set();
    this.listeners.set(jobId, all.add(listener));
    this.stopListening ??= this.deps.events.on("changed", id => {
      if (this.listeners.has(id)) {
        this.readSoon(id);
      }
    });
    this.readSoon(jobId);
    return () => {
      all.delete(listener);
      if (all.size === 0 && this.listeners.get(jobId) === all) {
        this.listeners.delete(jobId);
        this.due.delete(jobId);
      }
      if (this.listeners.size === 0) {
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
    const ids = this.due.size > 0 ? [...this.due] : [...this.listeners.keys()];
    this.due.clear();
    const startMs = performance.now();
    const newsOf = await this.newsOf(ids);
    this.isReading = false;
    for (const id of ids) {
      this.listeners.get(id)?.forEach(listener => {
        listener(newsOf(id));
      });
    }
    if (this.listeners.size > 0) {
      const restMs = REST_FACTOR * (performance.now() - startMs);
      this.schedule(this.due.size > 0 ? 0 : Math.max(this.deps.pollMs ?? POLL_MS, restMs));
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
