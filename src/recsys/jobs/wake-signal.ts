/** @file A wake-up call that is not lost when it precedes the wait. */

/** Keeps one call until the next wait. */
export class WakeSignal {
  private hasArrived = false;
  private wake: (() => void) | null = null;

  arrive(): void {
    this.hasArrived = true;
    this.wake?.();
  }

  /** Until a call arrives, one since the last wait included, or `ms` have passed. @param ms Default: no limit. */
  async wait(ms?: number): Promise<void> {
    if (!this.hasArrived) {
      await new Promise<void>(resolve => {
        const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = null;
    }
    this.hasArrived = false;
  }
}
