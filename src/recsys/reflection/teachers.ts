/**
 * @file What a step of training learns from: the rewards of rollouts (Eq. 15), or conditions that were chosen by their rewards.
 */
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { Random, seedFrom } from "../../ml/nn/random.js";
import {
  type Lesson,
  personalizerInputs,
  type PersonalizerModel,
} from "../images/personalizer-model.js";
import type { ChosenCondition } from "./chosen-conditions.js";
import { tokensOf } from "./condition-bank.js";
import type { Pair } from "./pairs.js";
import {
  beginRollouts,
  type PendingRollouts,
  type PreparedPair,
  preparePairs,
  rolloutRequest,
  type RolloutParts,
  scoreRollouts,
} from "./rollouts.js";
import type { StopWatch } from "./stop-watch.js";

/** What a step did: the terms of the loss, and means over its pairs. */
export interface StepResult {
  losses: Readonly<Record<string, number>>;
  means: Readonly<Record<string, number>>;
}

export interface Teacher {
  numSteps: number;
  /** @param step From 0, rising by one. @param isLook Whether validation follows: nothing may be drawn ahead of it. */
  teach(step: number, isLook: boolean): Promise<StepResult>;
}

interface Parts {
  parts: RolloutParts;
  model: PersonalizerModel;
  watch: StopWatch;
}

interface Batch {
  prepared: readonly PreparedPair[];
  pending: PendingRollouts;
}

/**
 * REINFORCE. The pictures of the next batch are drawn, in the render threads, while this one's gradient step runs here: their
 * conditions come from the weights before that step, one step behind.
 */
export function rolloutTeacher({ model, parts, watch }: Parts, train: readonly Pair[]): Teacher {
  const { config, seed } = parts;
  const batches = batchesOf(train, config, seed);
  const begun = (prepared: readonly PreparedPair[], step: number): Batch => {
    const random = new Random(seedFrom("rollouts", seed, step));
    return { prepared, pending: beginRollouts(parts, model, prepared, random) };
  };
  let drawn: Batch | null = null;
  return {
    numSteps: batches.length,
    async teach(step, isLook) {
      const batch: Batch =
        drawn ??
        begun(await watch.timed("images", () => preparePairs(parts, model, batches[step])), step);
      const preparing = isLook ? null : preparePairs(parts, model, batches[step + 1]); // v^key, drawn after this batch
      preparing?.catch(() => undefined);
      const { rollouts, ...means } = await watch.timed("images", () =>
        scoreRollouts(parts, batch.prepared, batch.pending),
      );
      const prepared = preparing && (await watch.timed("images", () => preparing));
      drawn = prepared && begun(prepared, step + 1); // before the step, always: a rerun does the same
      await yieldToEventLoop(); // the render threads get their work before this thread is busy
      const losses = await watch.timed("gradients", () => model.trainStep(rollouts));
      watch.numPairs += rollouts.length;
      return { losses, means };
    },
  };
}

/** Regression of P^gen to chosen conditions. Draws nothing. */
export async function choiceTeacher(
  { model, parts, watch }: Parts,
  chosen: readonly ChosenCondition[],
): Promise<Teacher> {
  const batches = batchesOf(chosen, parts.config, parts.seed);
  const inputsOf = (batch: readonly ChosenCondition[]) =>
    personalizerInputs(
      model,
      parts.encoder,
      batch.map(({ pair }) => rolloutRequest(parts, pair).context),
    );
  const lessonsOf = async (batch: readonly ChosenCondition[]) => {
    const lessons: Lesson[] = [];
    for (const [at, input] of (await inputsOf(batch)).entries()) {
      lessons.push({ input, target: await tokensOf(parts.encoder, batch[at].embedding) });
    }
    return lessons;
  };
  let sum = 0;
  for (const batch of batches.slice(0, Math.ceil(chosen.length / parts.config.batchSize))) {
    for (const { input, target } of await lessonsOf(batch)) {
      target.forEach((value, at) => (sum += (value - input.imageTokens.values[at]) ** 2));
    }
  }
  const scale = sum / chosen.length || 1; // nobody is moved: all losses are 0
  return {
    numSteps: batches.length,
    async teach(step) {
      const lessons = await lessonsOf(batches[step]);
      const losses = await watch.timed("gradients", () => model.trainToward(lessons, scale));
      watch.numPairs += lessons.length;
      return { losses, means: {} };
    },
  };
}

/** Every epoch in an order of its own; the last batch of an epoch may be short. */
function batchesOf<Item>(
  items: readonly Item[],
  { batchSize, numEpochs }: RolloutParts["config"],
  seed: number,
): Item[][] {
  const random = new Random(seedFrom("batches", seed));
  const batches: Item[][] = [];
  for (let epoch = 0; epoch < numEpochs; epoch++) {
    const order = random.shuffled(items);
    for (let start = 0; start < order.length; start += batchSize) {
      batches.push(order.slice(start, start + batchSize));
    }
  }
  return batches;
}
