/**
 * @file The personalizer's inputs and outputs as plain arrays, and batches of them as tensors.
 *
 * Shapes: T tokens of E^key, Q of P^ret's projection, N of P^gen, D width of the condition, E of CLIP's space.
 */
import * as tf from "@tensorflow/tfjs";
import { type Matrix } from "../nn/matrix.js";
import { type PersonalizerConfig } from "./personalizer-config.js";

/** Of one (user, reference) pair. */
export interface PersonalizerInput {
  /** Tokens of p_g(w', [IMG1..L]) (Eq. 7), the image tokens at the end. */
  llmIds: readonly number[];
  /** E^key; `[T, D]`. */
  keyStates: Matrix;
  /** P^ret; `[E]`, of any length; zeros when nothing was retrieved. */
  retrieved: Float32Array;
  /** E^sem_N; `[E]`, of any length. */
  semantic: Float32Array;
  /** P^ret as the generator's image tokens; `[Q, D]`. */
  imageTokens: Matrix;
  /** The same of the ranking model's own preference; absent where it has none, or where it is not read. */
  rankerTokens?: Matrix | null;
}

/** A pair's images and their rewards. */
export interface Rollout {
  input: PersonalizerInput;
  /** Standard normal, each as long as the policy's mean. */
  noises: Float32Array[];
  /** R_t. */
  rewards: number[];
  /**
   * The rendered actions `explored(policy, noise)` and the policy's σ at that time. Needed only where the mean has moved
   * more than a step or two since; without them the actions are taken around the present mean.
   */
  rendered?: { actions: Float32Array[]; sigma: number };
}

/** A pair's input, and the preference tokens that its P^gen should have. */
export interface Lesson {
  input: PersonalizerInput;
  /** `[Q D]`. */
  target: Float32Array;
}

/** The unweighted parts of the loss (Eq. 17), and the gradient's length before clipping. */
export interface LossTerms {
  total: number;
  calibration: number;
  rank: number;
  semantic: number;
  gradientNorm: number;
  [name: string]: number;
}

export interface InputTensors {
  /** `[B, T, D]`. */
  keyStates: tf.Tensor3D;
  /** `[B, Q, D]`. */
  imageTokens: tf.Tensor3D;
  /** Those of the ranking model's preference; of P^ret where it has none. `[B, Q, D]`. */
  rankerTokens: tf.Tensor3D;
  /** P^ret scaled to root mean square 1, as the generator's projection expects it; `[B, E]`. */
  retrieved: tf.Tensor2D;
  /** E^sem_N scaled to root mean square 1, so that its loss is per dimension too; `[B, E]`. */
  semantic: tf.Tensor2D;
}

/** @throws Error for inputs whose sizes differ from the configuration's, or unequal numbers of tokens. */
export function inputTensors(
  inputs: readonly PersonalizerInput[],
  { conditionSize: D, embeddingSize: E, numPreferenceTokens: Q }: PersonalizerConfig,
): InputTensors {
  const B = inputs.length;
  const T = inputs[0]?.keyStates.shape[0];
  for (const { imageTokens, keyStates, rankerTokens, retrieved, semantic } of inputs) {
    assertShape("keyStates", keyStates.shape, [T, D]);
    assertShape("imageTokens", imageTokens.shape, [Q, D]);
    assertShape("rankerTokens", (rankerTokens ?? imageTokens).shape, [Q, D]);
    assertShape("retrieved", [retrieved.length], [E]);
    assertShape("semantic", [semantic.length], [E]);
  }
  const joined = (arrays: readonly Float32Array[]) => {
    const result = new Float32Array(arrays.length * (arrays[0]?.length ?? 0));
    arrays.forEach((values, b) => result.set(values, b * values.length));
    return result;
  };
  return {
    keyStates: tf.tensor3d(joined(inputs.map(({ keyStates }) => keyStates.values)), [B, T, D]),
    imageTokens: tf.tensor3d(joined(inputs.map(input => input.imageTokens.values)), [B, Q, D]),
    rankerTokens: tf.tensor3d(
      joined(inputs.map(input => (input.rankerTokens ?? input.imageTokens).values)),
      [B, Q, D],
    ),
    retrieved: tf.tensor2d(joined(inputs.map(input => unitSquared(input.retrieved))), [B, E]),
    semantic: tf.tensor2d(joined(inputs.map(input => unitSquared(input.semantic))), [B, E]),
  };
}

/** Scaled to root mean square 1; zeros stay zeros. */
function unitSquared(values: Float32Array): Float32Array {
  const rms = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
  return rms > 0 ? values.map(x => x / rms) : values;
}

function assertShape(name: string, got: readonly number[], expected: readonly number[]): void {
  if (got.join() !== expected.join()) {
    throw new Error(`Personalizer: expected ${name} of [${expected}], got [${got}]`);
  }
}
