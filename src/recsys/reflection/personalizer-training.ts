/**
 * @file The training loop of the personalizer (RAGAR, Eq. 17): steps of a teacher (`teachers.ts`), now and then a look at other
 * users. At a look nothing is being drawn, so a checkpoint needs no pictures, and a killed training resumes to the same bytes.
 */
import { deleteAll, getJson, putJson } from "../../db/artefact-files.js";
import type { ArtefactStore } from "../../db/artefact-store.js";
import { AppError } from "../../errors/app-error.js";
import type { PersonalizerModel } from "../images/personalizer-model.js";
import { type ChoiceReport, chosenConditions } from "./chosen-conditions.js";
import { conditionBank } from "./condition-bank.js";
import type { BankHooks } from "./kept-bank.js";
import type { Pair } from "./pairs.js";
import { scoredMeans, type PreparedPair, preparePairs, type RolloutParts } from "./rollouts.js";
import { StopWatch, type TrainingSpeed } from "./stop-watch.js";
import { choiceTeacher, rolloutTeacher, type Teacher } from "./teachers.js";
import { isBetter, type ValidationResult, validationResult } from "./validation-result.js";

export interface StepReport {
  step: number;
  numSteps: number;
  losses: Readonly<Record<string, number>>;
  /** Of rollouts: the mean reward, and ρ over the reference's and over the keyword picture's. */
  means: Readonly<Record<string, number>>;
  validated: ValidationResult | null;
}

export interface PersonalizerTrainingOptions {
  parts: RolloutParts;
  model: PersonalizerModel;
  train: readonly Pair[];
  validation: readonly Pair[];
  store: ArtefactStore;
  /** Called while a bank is drawn. */
  onBank?: BankHooks["onPairs"];
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
  /** Of a bank's choice; null for `reinforce`. */
  choice: ChoiceReport | null;
  speed: TrainingSpeed;
}

/** Keys below that of the checkpoint. */
const BEST = "best/training.safetensors";
const PROGRESS = "progress.json";
const latest = (step: number) => `latest-${step}/training.safetensors`;

/** Trains to the end; the model then has the weights of the best look. */
export async function trainPersonalizer(
  options: PersonalizerTrainingOptions,
): Promise<PersonalizerTrainingResult> {
  const { model, parts, validation } = options;
  const { config, signal } = parts;
  assertTeachable(model, config);
  const progress = await restoreCheckpoint(options);
  const watch = new StopWatch();
  const validationPairs = await watch.timed("validations", () =>
    preparePairs(parts, model, validation),
  );
  if (progress.step === 0 && progress.validations.length === 0) {
    await watch.timed("validations", () => validateAndKeep(options, progress, validationPairs));
  }
  const { choice, teacher } = await teacherOf(options, watch);
  const { numSteps } = teacher;
  while (progress.step < numSteps && !isPatienceOver(progress, config.patience)) {
    signal?.throwIfAborted();
    const next = progress.step + 1;
    const isLook = next % config.validateEvery === 0 || next === numSteps;
    const { losses, means } = await teacher.teach(progress.step, isLook);
    if (!Object.values(losses).every(Number.isFinite)) {
      throw new AppError("TRAINING_DIVERGED", { model: "personalizer" });
    }
    progress.step = next;
    for (const [name, value] of Object.entries({ ...losses, ...means })) {
      progress.sums[name] = (progress.sums[name] ?? 0) + value;
    }
    const validated = isLook
      ? await watch.timed("validations", () => validateAndKeep(options, progress, validationPairs))
      : null;
    options.onStep?.({ step: next, numSteps, losses, means, validated });
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
    choice,
    speed: watch.speed,
  };
}

/** @throws AppError `INVALID_ARGUMENT` where a bank's conditions are not those of an untrained P^gen. */
function assertTeachable(
  { startsAtImageTokens }: PersonalizerModel,
  { k, rewardTraining: mode = "reinforce" }: RolloutParts["config"],
): void {
  if (mode !== "reinforce" && (!startsAtImageTokens || k === 0)) {
    const where = k === 0 ? "without retrieval (k = 0)" : "for a personalizer of the form 'paper'";
    const problem = `must be 'reinforce' ${where}, but is '${mode}'`;
    throw new AppError("INVALID_ARGUMENT", { argument: "rewardTraining", problem });
  }
}

/** By `rewardTraining`; a bank is drawn, or found, before the first step. */
async function teacherOf(
  { model, onBank: onPairs, parts, store, train }: PersonalizerTrainingOptions,
  watch: StopWatch,
): Promise<{ teacher: Teacher; choice: ChoiceReport | null }> {
  const { rewardTraining: mode = "reinforce" } = parts.config;
  if (mode === "reinforce") {
    return { teacher: rolloutTeacher({ model, parts, watch }, train), choice: null };
  }
  const bank = await watch.timed("images", () => conditionBank(parts, { store, onPairs }));
  const { startsAtRanker } = model;
  const about = { ...parts, ranker: parts.path.ranker!, startsAtRanker }; // rollouts and validations have a ranker
  const { chosen, report } = await chosenConditions(mode, about, bank, train);
  return { teacher: await choiceTeacher({ model, parts, watch }, chosen), choice: report };
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
    validated = await lookAt(options.parts, model, validationPairs, progress.step);
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

async function lookAt(
  parts: RolloutParts,
  model: PersonalizerModel,
  validationPairs: readonly PreparedPair[],
  step: number,
): Promise<ValidationResult> {
  const scored = await scoredMeans(parts, model, validationPairs, step === 0);
  const keys = validationPairs.map(({ keyCaptionSimilarity }) => keyCaptionSimilarity);
  const { captionFloorShare } = parts.config;
  return validationResult(scored, { step, keys, captionFloorShare });
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
