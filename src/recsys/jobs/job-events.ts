/** @file Immediate events between the worker and the job service of one process; other processes poll the table. */
import { EventEmitter } from "node:events";
import type { JobKind } from "../../db/rows.js";

interface Events {
  /** Jobs of a kind wait. */
  queued: [kind: JobKind];
  /** The job's row changed. */
  changed: [jobId: string];
  /** Cancellation was requested. */
  cancelRequested: [jobId: string];
}

export class JobEvents {
  private readonly emitter = new EventEmitter().setMaxListeners(0);

  emit<Name extends keyof Events>(event: Name, subject: Events[Name][0]): void {
    this.emitter.emit(event, subject);
  }

  /** @returns the function that ends the subscription. */
  on<Name extends keyof Events>(
    event: Name,
    listener: (subject: Events[Name][0]) => void,
  ): () => void {
    this.emitter.on(event, listener);
    return () => {
      this.emitter.off(event, listener);
    };
  }
}
