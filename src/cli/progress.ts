/** @file Progress on standard error: a bar on a terminal, occasional lines elsewhere, nothing if disabled. */
import { Presets, SingleBar } from "cli-progress";

/** Seconds between two lines without a terminal. */
const LINE_INTERVAL_S = 5;

export interface Progress {
  /** @param done fraction, 0..1 */
  update(done: number, stage: string): void;
  stop(): void;
}

export function createProgress(label: string): Progress {
  if (process.stderr.isTTY) {
    const bar = new SingleBar(
      {
        format: `${label} {bar} {percentage}% {stage}`,
        hideCursor: true,
        clearOnComplete: false,
        etaBuffer: 50,
      },
      Presets.shades_classic,
    );
    bar.start(1_000, 0, { stage: "" });
    return {
      update: (done, stage) => {
        bar.update(Math.round(done * 1_000), { stage });
      },
      stop: () => {
        bar.stop();
      },
    };
  }
  let last = -Infinity;
  return {
    update: (done, stage) => {
      const now = performance.now() / 1_000;
      if (done >= 1 || now - last >= LINE_INTERVAL_S) {
        last = now;
        console.error(`${label} ${Math.floor(done * 100)}% ${stage}`);
      }
    },
    stop: () => undefined,
  };
}
