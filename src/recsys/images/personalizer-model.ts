/**
 * @file The trained preference as the services see it: `Personalizer` of `ml/personalizer` and the language model's
 * prompt, behind the few methods they call.
 *
 * Shapes: T tokens of E^key, D width of the condition, E of CLIP's space.
 */
import type { NamedFiles } from "../../db/artefact-files.js";
import type { ConditionEncoder } from "../../ml/diffusion/condition-encoder.js";
import { type Matrix, matrix } from "../../ml/nn/matrix.js";
import {
  explored,
  type Lesson,
  type PersonalizerInput,
  type Policy,
  type Rollout,
} from "../../ml/personalizer/personalizer.js";
import type { RetrievalResult } from "../retrieval/retrieval-result.js";

export { explored, type Lesson, type PersonalizerInput, type Policy, type Rollout };

/** P^gen as a policy: what conditions the generator, and what learns from the rewards of rollouts. */
export interface PersonalizerModel {
  /** Whether an untrained P^gen is the image tokens of P^ret, then E^key: the form `slots`. */
  readonly startsAtImageTokens: boolean;
  /** Whether these are the tokens of the ranking model's own preference, in place of P^ret. */
  readonly startsAtRanker: boolean;
  /** Whether it reads the preference that the ranking model itself has. */
  readonly readsRankerPreference: boolean;
  /** Restricts exploration to the directions in which image tokens differ; rows of Q D numbers. Nothing where it cannot be. */
  explore(samples: Matrix, options: { count: number }): void;
  /** P^gen of each input (Eq. 9), with the σ of its exploration. */
  policy(inputs: readonly PersonalizerInput[]): Policy[];
  /** One step down the gradient of Eq. 17; the terms of the loss. */
  trainStep(rollouts: readonly Rollout[]): Readonly<Record<string, number>>;
  /** One step toward chosen conditions, in place of rewards; the terms of the loss. @param scale As of `targetLoss`. */
  trainToward(lessons: readonly Lesson[], scale: number): Readonly<Record<string, number>>;
  /** The trained model with how it came to be. */
  toFiles(lineage: Readonly<Record<string, unknown>>): NamedFiles;
  /** Weights and optimizer, so that training resumes from {@link restoreTraining} to the same bytes. */
  encodeTraining(): Uint8Array;
  restoreTraining(bytes: Uint8Array): void;
  /** Tokens of the prompt p_g(w', [IMG1..L]) (Eq. 7). */
  promptIds(keywords: readonly string[]): number[];
  dispose(): void;
}

/** What a personalizer needs to know of a user and an item. */
export type PersonalizerContext = Pick<
  RetrievalResult,
  "preferenceEmbedding" | "preferenceKeywords" | "prompt" | "referenceCaptionEmbedding"
> & {
  /** P^rk, the mean CLIP feature of the items that the ranking model puts first; `[E]`. Default: none. */
  rankerPreference?: Float32Array | null;
};

/** E^key, P^ret and its tokens, E^sem_N and the prompt of each pair; nothing retrieved is a P^ret of zeros. */
export async function personalizerInputs(
  model: Pick<PersonalizerModel, "promptIds">,
  encoder: Pick<ConditionEncoder, "encodeTexts" | "projectImage">,
  contexts: readonly PersonalizerContext[],
): Promise<PersonalizerInput[]> {
  if (contexts.length === 0) {
    return []; // the encoders take no empty batch
  }
  const keys = await encoder.encodeTexts(contexts.map(({ prompt }) => prompt));
  const inputs: PersonalizerInput[] = [];
  for (const [index, context] of contexts.entries()) {
    const { preferenceKeywords, referenceCaptionEmbedding: semantic } = context;
    if (!semantic) {
      throw new Error("personalizerInputs: expected a reference with a caption embedding");
    }
    const retrieved = context.preferenceEmbedding ?? new Float32Array(semantic.length);
    const image = await encoder.projectImage(retrieved);
    if (!image) {
      throw new Error("personalizerInputs: expected a model pack that takes image embeddings");
    }
    const { dimension, numTokens, tokens } = keys[index];
    const { rankerPreference } = context;
    const ofRanker = rankerPreference && (await encoder.projectImage(rankerPreference));
    inputs.push({
      llmIds: model.promptIds(preferenceKeywords),
      keyStates: matrix([numTokens, dimension], tokens),
      retrieved,
      semantic,
      imageTokens: context.preferenceEmbedding
        ? matrix([image.numTokens, image.dimension], image.tokens)
        : matrix([image.numTokens, image.dimension]), // silence, as in the unconditional pass
      rankerTokens: ofRanker && matrix([ofRanker.numTokens, ofRanker.dimension], ofRanker.tokens),
    });
  }
  return inputs;
}
