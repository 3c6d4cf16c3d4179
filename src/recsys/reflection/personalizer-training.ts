/**
 * @file The training loop of the personalizer (RAGAR, Eq. 17): rollouts, rewards, a gradient step, now and then a look at
 * other users.
 *
 * The pictures of the next batch are drawn, in the render threads, while this one's gradient step runs here: their conditions
 * come from the weights before that step, one step behind. At a look the pipeline is empty, so a checkpoint needs no pictures,
 * and a killed training resumes to the same bytes.
 */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { deleteAll, getJson, putJson } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import { AppError } from "../../errors/app-error.js";
import { mean, percentile } from "../../ml/metrics/bootstrap.js";
import { Random, seedFrom } from "../../ml/nn/random.js";
import type { PersonalizerModel } from "../images/personalizer-model.js";
import type { Pair } from "./pairs.js";
import {
  beginRollouts,
  scoredMeans,
  type PendingRollouts,
  type PreparedPair,
  preparePairs,
  type RolloutParts,
  scoreRollouts,
} from "./rollouts.js";

/** What the policy's mean does for the validation users. */
export interface ValidationResult {
  /** Gradient steps made before it. */
  step: number;
  medianDeltaR: number;
  meanDeltaR: number;
  /** Fraction with ΔR > 0; those that did not move count half. */
  winRate: number;
  /** Mean of ρ - ρ^ref, in standard deviations of the user's scores: it moves where ranks tie. */
  meanScoreGain: number;
  /** Mean CS / 100, and that of the keyword pictures. */
  captionSimilarity: number;
  keyCaptionSimilarity: number;
  /** Whether the CS floor is kept. */
  isEligible: boolean;
}

export interface StepReport {
  step: number;
  numSteps: number;
  losses: Readonly<Record<string, number>>;
  overReference: number;
  overKey: number;
  reward: number;
  validated: ValidationResult | null;
}

export interface PersonalizerTrainingOptions {
  parts: RolloutParts;
  model: PersonalizerModel;
  train: readonly Pair[];
  validation: readonly Pair[];
  store: ArtefactStore;
  /** What the keys of the checkpoint begin with. */
  checkpoint: string;
  /** Tells trainings apart: a checkpoint of another one is not gone on from. */
  fingerprint: string;
  onStep?: (report: StepReport) => void;
}

interface Progress {
  fingerprint: string;
  /** Steps made. */
  step: number;
  validations: ValidationResult[];
  /** Place of the best look. */
  best: number;
  /** Sums of each step's report since the beginning, by name. */
  sums: Record<string, number>;
}

export interface PersonalizerTrainingResult {
  numSteps: number;
  validations: readonly ValidationResult[];
  /** The look whose weights the model has; null without validation pairs. */
  best: ValidationResult | null;
  /** Means over all steps. */
  means: Readonly<Record<string, number>>;
  speed: TrainingSpeed;
}

/** Of this process; what was before an interruption is not in it. A type and not an interface, so that it passes as JSON. */
export type TrainingSpeed = Readonly<{
  numPairs: number;
  pairsPerSecond: number;
  /** Where the time went: waiting for pictures, gradient steps, looks at the validation users. */
  seconds: Readonly<{ images: number; gradients: number; validations: number }>;
}>;

/** Keys below that of the checkpoint. */
const BEST = "best/training.safetensors";
const PROGRESS = "progress.json";
const latest = (step: number) => `latest-${step}/training.safetensors`;

/** Trains to the end; the model then has the weights of the best look. */
export async function trainPersonalizer(
  options: PersonalizerTrainingOptions,
): Promise<PersonalizerTrainingResult> {
  const { model, parts, train, validation } = options;
  const { config, seed, signal } = parts;
  const batches = batchesOf(train, config, seed);
  const progress = await restoreCheckpoint(options);
  const watch = new StopWatch();
  const validationPairs = await watch.timed("validations", () =>
    preparePairs(parts, model, validation),
  );
  if (progress.step === 0 && progress.validations.length === 0) {
    await watch.timed("validations", () => validateAndKeep(options, progress, validationPairs));
  }
  const begun = (prepared: readonly PreparedPair[], step: number): Batch => {
    const random = new Random(seedFrom("rollouts", seed, step));
    return { prepared, pending: beginRollouts(parts, model, prepared, random) };
  };
  let drawn: Batch | null = null;
  while (progress.step < batches.length && !isPatienceOver(progress, config.patience)) {
    signal?.throwIfAborted();
    const { step } = progress;
    const next = step + 1;
    const isValidation = next % config.validateEvery === 0 || next === batches.length;
    const batch: Batch =
      drawn ??
      begun(await watch.timed("images", () => preparePairs(parts, model, batches[step])), step);
    const preparing = isValidation ? null : preparePairs(parts, model, batches[next]); // v^key, drawn after this batch
    preparing?.catch(() => undefined);
    const { rollouts, ...means } = await watch.timed("images", () =>
      scoreRollouts(parts, batch.prepared, batch.pending),
    );
    const prepared = preparing && (await watch.timed("images", () => preparing));
    drawn = prepared && begun(prepared, next); // before the step, always: a rerun does the same
    await yieldToEventLoop(); // the render threads get their work before this thread is busy
    const losses = await watch.timed("gradients", () => model.trainStep(rollouts));
    watch.numPairs += rollouts.length;
    if (!Object.values(losses).every(Number.isFinite)) {
      throw new AppError("TRAINING_DIVERGED", { model: "personalizer" });
    }
    progress.step = next;
    for (const [name, value] of Object.entries({ ...losses, ...means })) {
      progress.sums[name] = (progress.sums[name] ?? 0) + value;
    }
    const validated = isValidation
      ? await watch.timed("validations", () => validateAndKeep(options, progress, validationPairs))
      : null;
    options.onStep?.({ step: next, numSteps: batches.length, losses, ...means, validated });
  }
  if (validation.length > 0) {
    await restoreWeights(options, BEST);
  }
  const means = Object.entries(progress.sums).map(([name, sum]) => [name, sum / progress.step]);
  return {
    numSteps: progress.step,
    validations: progress.validations,
    best: validation.length > 0 ? progress.validations[progress.best] : null,
    means: Object.fromEntries(means) as Record<string, number>,
    speed: watch.speed,
  };
}

class StopWatch {
  numPairs = 0;
  private readonly startMs = performance.now();
  private readonly seconds = { images: 0, gradients: 0, validations: 0 };

  async timed<Result>(
    part: keyof TrainingSpeed["seconds"],
    run: () => Result | Promise<Result>,
  ): Promise<Result> {
    const startMs = performance.now();
    try {
      return await run();
    } finally {
      this.seconds[part] += (performance.now() - startMs) / 1_000;
    }
  }

  get speed(): TrainingSpeed {
    const total = (performance.now() - this.startMs) / 1_000;
    const { numPairs, seconds } = this;
    return { numPairs, pairsPerSecond: numPairs / total, seconds: { ...seconds } };
  }
}

interface Batch {
  prepared: readonly PreparedPair[];
  pending: PendingRollouts;
}

/** Every epoch in an order of its own; the last batch of an epoch may be short. */
function batchesOf(
  pairs: readonly Pair[],
  { batchSize, numEpochs }: RolloutParts["config"],
  seed: number,
): Pair[][] {
  const random = new Random(seedFrom("batches", seed));
  const batches: Pair[][] = [];
  for (let epoch = 0; epoch < numEpochs; epoch++) {
    const order = random.shuffled(pairs);
    for (let start = 0; start < order.length; start += batchSize) {
      batches.push(order.slice(start, start + batchSize));
    }
  }
  return batches;
}

/** Validates, then stores the checkpoint, and the weights if they are the best so far. */
async function validateAndKeep(
  options: PersonalizerTrainingOptions,
  progress: Progress,
  validationPairs: readonly PreparedPair[],
): Promise<ValidationResult | null> {
  const { checkpoint, model, store } = options;
  let validated: ValidationResult | null = null;
  if (validationPairs.length > 0) {
    validated = await validationResult(options.parts, model, validationPairs, progress.step);
    progress.validations.push(validated);
    const best = progress.validations[progress.best];
    if (validated === best || isBetter(validated, best)) {
      progress.best = progress.validations.length - 1;
      await store.put(`${checkpoint}/${BEST}`, model.encodeTraining());
    }
  }
  const current = `${checkpoint}/${latest(progress.step)}`;
  await store.put(current, model.encodeTraining());
  await putJson(store, `${checkpoint}/${PROGRESS}`, progress); // from here on, the current one counts
  for (const { key } of await store.list(checkpoint)) {
    if (key.startsWith(`${checkpoint}/latest-`) && key !== current) {
      await store.delete(key);
    }
  }
  return validated;
}

async function restoreWeights(
  { checkpoint, model, store }: PersonalizerTrainingOptions,
  name: string,
): Promise<void> {
  const key = `${checkpoint}/${name}`;
  const bytes = await store.get(key);
  if (!bytes) {
    throw new AppError("FILE_NOT_FOUND", { path: key });
  }
  model.restoreTraining(bytes);
}

async function validationResult(
  parts: RolloutParts,
  model: PersonalizerModel,
  validationPairs: readonly PreparedPair[],
  step: number,
): Promise<ValidationResult> {
  const scored = await scoredMeans(parts, model, validationPairs, step === 0);
  const deltas = scored.map(({ whatIf }) => whatIf.candidates[0].deltaR);
  const captionSimilarity = mean(scored.map(({ captionSimilarities: [own] }) => own));
  const keyCaptionSimilarity = mean(
    validationPairs.map(validationPair => validationPair.keyCaptionSimilarity),
  );
  const wins = deltas.map(delta => (delta > 0 ? 1 : delta === 0 ? 0.5 : 0));
  return {
    step,
    medianDeltaR: percentile(
      [...deltas].sort((a, b) => a - b),
      0.5,
    ),
    meanDeltaR: mean(deltas),
    winRate: mean(wins),
    meanScoreGain: mean(
      scored.map(({ whatIf: { candidates, scoreBefore, scoreDeviation } }) => {
        return (candidates[0].score - scoreBefore) / scoreDeviation;
      }),
    ),
    captionSimilarity,
    keyCaptionSimilarity,
    isEligible: captionSimilarity >= parts.config.captionFloorShare * keyCaptionSimilarity,
  };
}

/** By eligibility, then median ΔR, then the mean gain of the score: medians are often equal, and few pairs win by chance. */
function isBetter(a: ValidationResult, b: ValidationResult): boolean {
  if (a.isEligible !== b.isEligible) {
    return a.isEligible;
  }
  return a.medianDeltaR !== b.medianDeltaR
    ? a.medianDeltaR > b.medianDeltaR
    : a.meanScoreGain > b.meanScoreGain;
}

function isPatienceOver({ best, validations }: Progress, patience: number): boolean {
  return validations.length - 1 - best >= patience;
}

/**
 * Where an interrupted training stood, its weights in the model; else the beginning.
 *
 * @throws AppError FILE_MALFORMED for a checkpoint of another training, which is left as it is.
 */
async function restoreCheckpoint(options: PersonalizerTrainingOptions): Promise<Progress> {
  const { checkpoint, fingerprint, store } = options;
  const progress = (await getJson(store, `${checkpoint}/${PROGRESS}`)) as Progress | null; // written by this file alone
  // One that has `gains` was made with draws that this version no longer makes.
  if (!progress || "gains" in progress) {
    await deleteAll(store, checkpoint);
    return { fingerprint, step: 0, validations: [], best: 0, sums: {} };
  }
  if (progress.fingerprint !== fingerprint) {
    throw new AppError("FILE_MALFORMED", {
      path: checkpoint,
      expected: "a checkpoint of this training of a personalizer",
      reason: "it was made from other data, with another configuration or for other models",
    });
  }
  await restoreWeights(options, latest(progress.step));
  return progress;
}
