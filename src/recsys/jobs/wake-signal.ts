/** @file A wake-up call that cannot be missed between looking and going to sleep. */

/** Remembers that something happened until someone waits for it. */
export class WakeSignal {
  private hasArrived = false;
  private wake: (() => void) | null = null;

  arrive(): void {
    this.hasArrived = true;
    this.wake?.();
  }

  /** Until news arrive, those since the last wait included, or `ms` have passed. */
  async wait(ms: number): Promise<void> {
    if (!this.hasArrived) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, ms);
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
