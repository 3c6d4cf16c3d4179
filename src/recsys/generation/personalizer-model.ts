/**
 * @file The trained preference as the services see it: `Personalizer` of `ml/generation` and the language model's prompt,
 * behind the few methods they call.
 *
 * Shapes: T tokens of E^key, D width of the condition, E of CLIP's space.
 */
import type { ConditionEncoder } from "../../ml/generation/condition-encoder.js";
import { type Matrix, matrix } from "../../ml/nn/shape.js";
import type { RetrievalResult } from "./generation-plan.js";

export interface PersonalizerInput {
  /** Tokens of p_g(w', [IMG1..L]) (Eq. 7). */
  llmIds: readonly number[];
  /** E^key; `[T, D]`. */
  keyStates: Matrix;
  /** P^ret; `[E]`. */
  retrieved: Float32Array;
  /** E^sem_N; `[E]`. */
  semantic: Float32Array;
  /** P^ret as the image projection's tokens; `[Timg, D]`. */
  imageTokens: Matrix;
}

/** P^gen of one (user, reference) pair: a normal distribution of standard deviation σ around its mean. */
export interface Policy {
  mean: Float32Array;
  shape: readonly [tokens: number, D: number];
  sigma: number;
}

export interface Rollout {
  input: PersonalizerInput;
  /** ε_t of each picture, as long as the policy's mean. */
  noises: Float32Array[];
  /** R_t of each picture. */
  rewards: number[];
}

/** P^gen as a policy: what conditions the generator, and what learns from the rewards of rollouts. */
export interface PersonalizerModel {
  /** P^gen of each input (Eq. 9), with the σ of its exploration. */
  policy(inputs: readonly PersonalizerInput[]): Policy[];
  /** One step down the gradient of Eq. 17; the terms of the loss. */
  trainStep(rollouts: readonly Rollout[]): Readonly<Record<string, number>>;
  save(directory: string, lineage: Readonly<Record<string, unknown>>): Promise<void>;
  /** Writes weights and optimizer, so that {@link restore} goes on to the same bytes. */
  saveTrainingState(directory: string): Promise<void>;
  restore(directory: string): Promise<void>;
  /** Tokens of the prompt p_g(w', [IMG1..L]) (Eq. 7). */
  promptIds(keywords: readonly string[]): number[];
  dispose(): void;
}

/** What a personalizer needs to know of a user and an item. */
export type PersonalizerContext = Pick<
  RetrievalResult,
  "preferenceEmbedding" | "preferenceKeywords" | "prompt" | "referenceCaptionEmbedding"
>;

/** E^key, P^ret and its tokens, E^sem_N and the prompt of each pair; nothing retrieved is a P^ret of zeros. */
export async function personalizerInputs(
  model: Pick<PersonalizerModel, "promptIds">,
  encoder: Pick<ConditionEncoder, "encodeTexts" | "projectImage">,
  contexts: readonly PersonalizerContext[],
): Promise<PersonalizerInput[]> {
  const keys = await encoder.encodeTexts(contexts.map(({ prompt }) => prompt));
  const inputs: PersonalizerInput[] = [];
  for (const [index, context] of contexts.entries()) {
    const { preferenceKeywords, referenceCaptionEmbedding: semantic } = context;
    if (!semantic) {
      throw new Error("personalizerInputs: expected a reference with a caption embedding");
    }
    const retrieved = context.preferenceEmbedding ?? new Float32Array(semantic.length);
    const image = await encoder.projectImage(retrieved);
    const { dimension, numTokens, tokens } = keys[index];
    inputs.push({
      llmIds: model.promptIds(preferenceKeywords),
      keyStates: matrix([numTokens, dimension], tokens),
      retrieved,
      semantic,
      imageTokens: image
        ? matrix([image.numTokens, image.dimension], image.tokens)
        : matrix([0, dimension]),
    });
  }
  return inputs;
}

/** `μ + σ ε`, what a rollout's picture attends to (Eq. 11 and 12). */
export function explored({ mean, sigma }: Policy, noise: Float32Array): Float32Array {
  return mean.map((value, i) => value + sigma * noise[i]);
}
