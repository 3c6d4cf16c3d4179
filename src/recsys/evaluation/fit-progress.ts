/** @file Progress of a training by epochs and, within a long epoch, by batches. */
import type { Progress } from "../../ml/progress.js";
import type { FitOptions } from "../../ml/ranking/recommender.js";

/** Minimum time between two reports within an epoch. */
const BATCH_INTERVAL_MS = 1_000;

/** Hooks of `fit` that report every epoch, and within an epoch once a second. */
export function fitProgress(
  onProgress: (progress: Progress) => void,
  nowMs: () => number = performance.now.bind(performance),
): Required<Pick<FitOptions, "onBatch" | "onEpoch">> {
  let reportedAtMs = nowMs();
  return {
    onBatch({ epoch, numEpochs, batch, numBatches }) {
      if (nowMs() - reportedAtMs >= BATCH_INTERVAL_MS) {
        reportedAtMs = nowMs();
        onProgress({
          fraction: (epoch - 1 + batch / numBatches) / numEpochs,
          stage: `epoch ${epoch} of at most ${numEpochs}, batch ${batch} of ${numBatches}`,
        });
      }
    },
    onEpoch({ epoch, numEpochs, losses, validationRecall }) {
      reportedAtMs = nowMs();
      const recall =
        validationRecall === undefined ? "" : `, recall@20 ${validationRecall.toFixed(4)}`;
      onProgress({
        fraction: epoch / numEpochs,
        stage: `epoch ${epoch} of at most ${numEpochs}: loss ${losses.total.toFixed(4)}${recall}`,
      });
    },
  };
}
