/** @file One training of one configuration, and what it is worth: the step that experiments and tuning repeat. */
import type { DenseKernels } from "../../../ml/ranking/dense-kernels.js";
import { createOnnxKernels } from "../../../ml/ranking/onnx-kernels.js";
import type { FitOptions, Modality, Recommender } from "../../../ml/ranking/recommender.js";
import {
  allRankingMetrics,
  beyondAccuracy,
  evaluateRanker,
  type RankerEvaluation,
} from "../../evaluation/evaluate-ranker.js";
import type { Split } from "../../evaluation/splits.js";
import { createRanker, type RankerConfig } from "../../ranking/ranker-config.js";

/** What a training sees. There is no test part in it. */
export interface TrainingView {
  numUsers: number;
  numItems: number;
  modalities: readonly Modality[];
  /** How much the train items count, in their order. Default: all the same. */
  strengths?: readonly Float32Array[];
  split: Omit<Split, "test">;
}

export interface FittedRanker {
  model: Recommender;
  /** The epoch that was kept. */
  epoch: number;
  numEpochs: number;
  /** Median over the epochs, validation included; for a model without epochs, its whole training. */
  epochSeconds: number;
  trainingSeconds: number;
}

/** The caller disposes of the model. */
export async function fitRanker(
  config: RankerConfig,
  seed: number,
  view: TrainingView,
  options: FitOptions = {},
): Promise<FittedRanker> {
  const { split, ...data } = view;
  const { train, validation } = split;
  const model = createRanker(config, seed);
  const durations: number[] = [];
  const startMs = performance.now();
  const { epoch } = await model.fit(
    { ...data, train, validation },
    {
      ...options,
      onEpoch: report => {
        durations.push(report.durationMs / 1_000);
        options.onEpoch?.(report);
      },
    },
  );
  const trainingSeconds = (performance.now() - startMs) / 1_000;
  durations.sort((a, b) => a - b);
  const epochSeconds = durations[durations.length >> 1] ?? trainingSeconds;
  return { model, epoch, numEpochs: durations.length, epochSeconds, trainingSeconds };
}

export interface PartOptions {
  cutoffs: readonly number[];
  /** Default: ONNX Runtime, for this evaluation alone. */
  kernels?: DenseKernels;
}

/** Every metric on the held-out items of one part. Train is masked, and on test what validated is, too. */
export async function evaluatePart(
  model: Recommender,
  { split, part, numItems }: { split: Split; part: "validation" | "test"; numItems: number },
  { cutoffs, kernels: given }: PartOptions,
): Promise<RankerEvaluation> {
  const { train, validation } = split;
  const masks = part === "test" ? [train, validation] : [train];
  const kernels = given ?? (await createOnnxKernels());
  try {
    const metrics = allRankingMetrics;
    const options = { metrics, cutoffs, kernels };
    const evaluation = await evaluateRanker(model, split[part], masks, options);
    const beyond = beyondAccuracy(evaluation.rankings, { train, numItems }, cutoffs);
    return { ...evaluation, metrics: { ...evaluation.metrics, ...beyond } };
  } finally {
    if (!given) {
      await kernels.dispose();
    }
  }
}
