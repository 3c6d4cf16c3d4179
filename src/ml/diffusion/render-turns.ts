/** @file The order of renders: live requests before batch work, and first come, first served within each. */
import { AppError } from "../../errors/app-error.js";
import { type RenderPriority } from "./image-generator.js";
import { throwIfCancelled } from "./pipeline.js";

export class RenderTurns {
  private readonly waiting: Record<RenderPriority, (() => void)[]> = { live: [], batch: [] };

  /** @param numFree Requests that may run at once. */
  constructor(private numFree: number) {}

  get numWaiting(): number {
    return this.waiting.live.length + this.waiting.batch.length;
  }

  /** Resolves when it is the caller's turn; end it with {@link handOn}. @throws AppError `JOB_CANCELLED`. */
  async take(signal: AbortSignal, priority: RenderPriority = "live"): Promise<void> {
    throwIfCancelled(signal);
    if (this.numFree > 0) {
      this.numFree--;
    } else {
      await this.waitInQueue(signal, this.waiting[priority]);
    }
  }

  /** Passes the turn to the next request in the queue; it becomes free only when none waits, so no request jumps the queue. */
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
