/** @file Who draws next: what somebody waits for goes before work by the hundred; within each, who came first. */
import { AppError } from "../../errors/app-error.js";
import { throwIfCancelled } from "./pipeline.js";

/** `live`: somebody waits for the picture. `batch`: one of many. */
export type RenderPriority = "live" | "batch";

export class RenderTurns {
  private readonly waiting: Record<RenderPriority, (() => void)[]> = { live: [], batch: [] };

  /** @param numFree Requests that may run at once. */
  constructor(private numFree: number) {}

  get numWaiting(): number {
    return this.waiting.live.length + this.waiting.batch.length;
  }

  /** Resolves when it is the caller's turn, who then ends it by {@link handOn}. @throws AppError `JOB_CANCELLED`. */
  async take(signal: AbortSignal, priority: RenderPriority = "live"): Promise<void> {
    throwIfCancelled(signal);
    if (this.numFree > 0) {
      this.numFree--;
    } else {
      await this.waitInQueue(signal, this.waiting[priority]);
    }
  }

  /** The turn goes to the next that waits; only one that nobody wants becomes free, so that nobody jumps the queue. */
  handOn(): void {
    const start = this.waiting.live.shift() ?? this.waiting.batch.shift();
    if (start) {
      start();
    } else {
      this.numFree++;
    }
  }

  private waitInQueue(signal: AbortSignal, queue: (() => void)[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        queue.splice(queue.indexOf(start), 1);
        reject(new AppError("JOB_CANCELLED"));
      };
      queue.push(start);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
