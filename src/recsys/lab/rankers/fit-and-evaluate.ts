/** @file Trains and evaluates one configuration: the step that experiments and tuning repeat. */
import type { DenseKernels } from "../../../ml/ranking/dense-kernels.js";
import { createOnnxKernels } from "../../../ml/ranking/onnx-kernels.js";
import type {
  FitOptions,
  Modality,
  PersonalViews,
  Recommender,
} from "../../../ml/ranking/recommender.js";
import {
  allRankingMetrics,
  beyondAccuracy,
  evaluateRanker,
  type RankerEvaluation,
} from "../../evaluation/evaluate-ranker.js";
import type { Split } from "../../evaluation/splits.js";
import { createRanker, type RankerConfig } from "../../ranking/ranker-config.js";

/** Data of a training, without any test part. */
export interface TrainingView {
  numUsers: number;
  numItems: number;
  modalities: readonly Modality[];
  /** Strengths of the train items, in order. Default: all equal. */
  strengths?: readonly Float32Array[];
  /** Default: none. */
  views?: PersonalViews;
  split: Omit<Split, "test">;
}

export interface FittedRanker {
  model: Recommender;
  /** The selected epoch. */
  epoch: number;
  numEpochs: number;
  /** Median over the epochs, including validation; for a model without epochs, the whole training. */
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
  /** Default: ONNX Runtime, for this evaluation only. */
  kernels?: DenseKernels;
}

/** Every metric on the held-out items of one part. Masks train, and on test also validation. */
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
