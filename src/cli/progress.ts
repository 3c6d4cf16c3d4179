/** @file Progress on standard error: a bar on a terminal, occasional lines elsewhere, nothing if disabled. */
import { Presets, SingleBar } from "cli-progress";
import type { Progress } from "../ml/progress.js";

/** Seconds between two lines without a terminal. */
const LINE_INTERVAL_S = 5;

export interface ShownProgress extends Progress {
  /** Another label begins another bar. Default: the command's. */
  label?: string;
}

interface Bar {
  update(fraction: number, stage: string): void;
  stop(): void;
}

/** Shows how far `run` is. The bar ends with it, so that results and errors are printed below. */
export async function withProgress<T>(
  label: string | null,
  run: (report: (progress: ShownProgress) => void) => Promise<T>,
): Promise<T> {
  let shown = label;
  let bar = label === null ? null : createBar(label);
  try {
    return await run(({ fraction, stage, label: next = label ?? "" }) => {
      if (!bar || next !== shown) {
        bar?.stop();
        bar = createBar(next);
        shown = next;
      }
      bar.update(fraction, stage);
    });
  } finally {
    bar?.stop();
  }
}

function createBar(label: string): Bar {
  if (process.stderr.isTTY) {
    const bar = new SingleBar(
      { format: `${label} {bar} {percentage}% {stage}`, hideCursor: true, etaBuffer: 50 },
      Presets.shades_classic,
    );
    bar.start(1_000, 0, { stage: "" });
    return {
      update: (fraction, stage) => {
        bar.update(Math.round(fraction * 1_000), { stage });
      },
      stop: () => {
        bar.stop();
      },
    };
  }
  let last = -Infinity;
  return {
    update: (fraction, stage) => {
      const now = performance.now() / 1_000;
      if (fraction >= 1 || now - last >= LINE_INTERVAL_S) {
        last = now;
        console.error(`${label} ${Math.floor(fraction * 100)}% ${stage}`);
      }
    },
    stop: () => undefined,
  };
}
