/**
 * @file The loop of every gradient-trained ranker: epochs, validation, early stopping, checkpoints.
 *
 * Training is a function of its data, its configuration and the epoch's number: random streams are keyed by the epoch,
 * so a run resumed from a checkpoint ends in the same bytes as an uninterrupted one.
 */
import { createHash } from "node:crypto";
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { stringify } from "safe-stable-stringify";
import { AppError } from "../../errors/app-error.js";
import type { Adam, NamedArrays } from "../nn/adam.js";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../nn/safetensors.js";
import type {
  Checkpoint,
  FitOptions,
  FitReport,
  LossTerms,
  RankingData,
  Schedule,
} from "./recommender.js";
import { validationRecall } from "./validation.js";

/** A model in training. */
export interface Trainee {
  algorithm: string;
  /** Updated in place. */
  parameters: NamedArrays;
  /** Absent for a model that needs none. */
  optimizer?: Adam;
  /** One pass over the data; yields to the event loop and checks the signal between batches. */
  runEpoch(epoch: number, hooks: EpochHooks): Promise<LossTerms>;
  /** Recomputes what `score` uses from the parameters. */
  refresh(): Promise<void>;
  score(userIndex: number): Float32Array;
}

export interface EpochHooks {
  signal?: AbortSignal;
  /** Called after every batch. */
  onBatch?: (batch: number, numBatches: number) => void;
}

/** Runs the batches of an epoch, yielding to the event loop after each; returns the means of their losses. */
export async function runBatches<Batch, Losses extends object>(
  batches: Iterable<Batch>,
  count: number,
  { onBatch, signal }: EpochHooks,
  run: (batch: Batch, index: number) => Losses | Promise<Losses>,
): Promise<Losses> {
  const means: Record<string, number> = {};
  let index = 0;
  for (const batch of batches) {
    for (const [name, value] of Object.entries(await run(batch, index++))) {
      means[name] = (means[name] ?? 0) + (value as number) / count;
    }
    onBatch?.(index, count);
    await yieldToEventLoop();
    signal?.throwIfAborted();
  }
  return means as Losses; // the same names
}

/** Progress after `epoch`, stored in a checkpoint beside the arrays. */
interface Progress {
  epoch: number;
  bestEpoch: number;
  bestRecall: number | null;
  /** Validations since the best one. */
  numWorse: number;
}

/** Trains to the last epoch or until validation stops it, and leaves the best epoch's parameters in the model. */
export async function fitEpochs(
  trainee: Trainee,
  data: RankingData,
  /** The fingerprint identifies data and configuration: a checkpoint of another training is refused. */
  schedule: Schedule & { fingerprint: string },
  { onBatch, onEpoch, signal, checkpoint }: FitOptions,
): Promise<FitReport> {
  const { algorithm, parameters } = trainee;
  const resumed = checkpoint
    ? await loadCheckpoint(checkpoint, trainee, schedule.fingerprint)
    : null;
  let { progress, best } = resumed ?? untrained;
  let savedAtMs = performance.now();
  while (progress.epoch < schedule.numEpochs && progress.numWorse <= schedule.patience) {
    signal?.throwIfAborted();
    const startMs = performance.now();
    const epoch = progress.epoch + 1;
    const { numEpochs } = schedule;
    const losses = await trainee.runEpoch(epoch, {
      signal,
      onBatch: (batch, numBatches) => onBatch?.({ epoch, numEpochs, batch, numBatches }),
    });
    assertFinite(algorithm, Float32Array.of(losses.total));
    let recall: number | null = null;
    if (epoch % schedule.validateEvery === 0 || epoch === schedule.numEpochs) {
      await trainee.refresh();
      recall = await validationRecall(data, user => trainee.score(user));
    }
    progress = afterEpoch(progress, epoch, recall, schedule);
    if (recall !== null && progress.bestEpoch === epoch) {
      best = copied(parameters);
    }
    // Also at the end, so that what follows the training can resume without it.
    const isLast = epoch === schedule.numEpochs || progress.numWorse > schedule.patience;
    if (checkpoint && (isLast || isDue(checkpoint, epoch, performance.now() - savedAtMs))) {
      const { fingerprint } = schedule;
      await checkpoint.write(encodeCheckpoint(trainee, { progress, best, fingerprint }));
      savedAtMs = performance.now();
    }
    onEpoch?.({
      epoch,
      numEpochs: schedule.numEpochs,
      losses,
      validationRecall: recall ?? undefined,
      durationMs: performance.now() - startMs,
    });
  }
  for (const [name, values] of Object.entries(best ?? parameters)) {
    assertFinite(algorithm, values);
    parameters[name].set(values);
  }
  await trainee.refresh();
  const { bestRecall, bestEpoch, epoch } = progress;
  return { epoch: best ? bestEpoch : epoch, validationRecall: bestRecall };
}

/**
 * Saves only at the end of an epoch: within one, the graphs of its first batch would be needed too. A kill costs at most
 * the current epoch, or the epochs of `everyMinutes` where they are short.
 */
function isDue(
  { everyEpochs = 5, everyMinutes = 5 }: Checkpoint,
  epoch: number,
  sinceLastMs: number,
): boolean {
  return epoch % everyEpochs === 0 || sinceLastMs >= 60_000 * everyMinutes;
}

function afterEpoch(
  before: Progress,
  epoch: number,
  recall: number | null,
  { minEpochs = 0 }: Schedule,
): Progress {
  if (recall === null) {
    return { ...before, epoch };
  }
  if (before.bestRecall === null || recall > before.bestRecall) {
    return { epoch, bestEpoch: epoch, bestRecall: recall, numWorse: 0 };
  }
  return { ...before, epoch, numWorse: epoch <= minEpochs ? 0 : before.numWorse + 1 };
}

function assertFinite(model: string, values: Float32Array): void {
  if (!values.every(Number.isFinite)) {
    throw new AppError("TRAINING_DIVERGED", { model });
  }
}

/** State between two epochs. */
interface TrainingState {
  progress: Progress;
  /** The parameters of the best validated epoch; null before the first. */
  best: NamedArrays | null;
}

const untrained: TrainingState = {
  progress: { epoch: 0, bestEpoch: 0, bestRecall: null, numWorse: 0 },
  best: null,
};

function encodeCheckpoint(
  { parameters, optimizer }: Trainee,
  { progress, best, fingerprint }: TrainingState & { fingerprint: string },
): Uint8Array {
  return encodeSafetensors({
    tensors: {
      ...prefixed("parameter", parameters),
      ...prefixed("optimizer", optimizer?.state() ?? {}),
      ...prefixed("best", best ?? {}),
    },
    metadata: { fingerprint, progress: JSON.stringify(progress) },
  });
}

/** Loads a checkpoint's state into the trainee; null when there is none. */
async function loadCheckpoint(
  checkpoint: Checkpoint,
  { algorithm, parameters, optimizer }: Trainee,
  fingerprint: string,
): Promise<TrainingState | null> {
  const bytes = await checkpoint.read();
  if (!bytes) {
    return null;
  }
  const { tensors, metadata } = decodeSafetensors(bytes, checkpoint.name);
  if (metadata.fingerprint !== fingerprint) {
    throw new AppError("FILE_MALFORMED", {
      path: checkpoint.name,
      expected: `a checkpoint of this training of '${algorithm}'`,
      reason: "it has other data or another configuration",
    });
  }
  for (const [name, values] of Object.entries(withoutPrefix("parameter", tensors))) {
    parameters[name].set(values);
  }
  optimizer?.restore(withoutPrefix("optimizer", tensors));
  const best = withoutPrefix("best", tensors);
  return {
    progress: JSON.parse(metadata.progress) as Progress, // written by encodeCheckpoint: the fingerprint matches
    best: Object.keys(best).length > 0 ? best : null,
  };
}

function prefixed(prefix: string, arrays: NamedArrays): Record<string, StoredTensor> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, values]) => [
      `${prefix}/${name}`,
      { shape: [values.length], values },
    ]),
  );
}

function withoutPrefix(
  prefix: string,
  tensors: Readonly<Record<string, StoredTensor>>,
): NamedArrays {
  return Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(`${prefix}/`))
      .map(([name, { values }]) => [name.slice(prefix.length + 1), values as Float32Array]),
  );
}

function copied(arrays: NamedArrays): NamedArrays {
  return Object.fromEntries(Object.entries(arrays).map(([name, values]) => [name, values.slice()]));
}

/** SHA-256 of a configuration, in any field order, and of all training data. */
export function trainingFingerprint(config: object, data: RankingData): string {
  const hash = createHash("sha256").update(stringify(config));
  hash.update(JSON.stringify([data.numUsers, data.numItems, data.validation !== undefined]));
  for (const items of [...data.train, ...(data.validation ?? [])]) {
    hash.update(Int32Array.of(items.length)).update(items);
  }
  data.strengths?.forEach(own => hash.update(own));
  for (const { name, features } of data.modalities ?? []) {
    hash.update(JSON.stringify([name, features.shape])).update(features.values);
  }
  if (data.views) {
    hash.update(JSON.stringify(["views", data.views.id, data.views.share]));
  }
  return hash.digest("hex");
}
