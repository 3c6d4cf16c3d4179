/** @file What the worker and the job service of one process tell each other at once; others poll the job's row. */
import { EventEmitter } from "node:events";

interface Events {
  /** Something about the job's row changed: who shows it reads it again. */
  changed: [jobId: string];
  /** Someone asked the job to stop. */
  cancelRequested: [jobId: string];
}

export class JobEvents {
  private readonly emitter = new EventEmitter<Events>().setMaxListeners(0);

  emit(event: keyof Events, jobId: string): void {
    this.emitter.emit(event, jobId);
  }

  /** @returns what ends the listening. */
  on(event: keyof Events, listener: (jobId: string) => void): () => void {
    this.emitter.on(event, listener);
    return () => {
      this.emitter.off(event, listener);
    };
  }
}
