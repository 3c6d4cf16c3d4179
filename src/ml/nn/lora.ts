/**
 * @file Low-rank adaptation of a frozen linear map.
 *
 * E. J. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022 (eq. 3).
 * https://arxiv.org/abs/2106.09685. Names, initial values and scaling are those of the Python library peft.
 *
 * Shapes: N rows, I inputs, O outputs, r the rank.
 */
import * as tf from "@tensorflow/tfjs";
import { type Random } from "./random.js";

export interface LoraConfig {
  /** r. Default: 8. */
  readonly loraRank: number;
  /** The update is multiplied by `alpha / r`. Default: 16, so a larger rank does not enlarge the step. */
  readonly alpha: number;
  /** The adapted projections of every layer. Default: `q_proj`, `v_proj`, as in the paper's section 7.1. */
  readonly targets: readonly string[];
}

export const defaultLoraConfig: LoraConfig = {
  loraRank: 8,
  alpha: 16,
  targets: ["q_proj", "v_proj"],
};

/** The two factors of one adapted map; their creator disposes of them. */
export interface LoraFactors {
  /** `[r, I]`. */
  readonly a: tf.Variable<tf.Rank.R2>;
  /** `[O, r]`. */
  readonly b: tf.Variable<tf.Rank.R2>;
}

/** A uniform in ±1/sqrt(I) (peft's Kaiming uniform with a = sqrt 5), B zero: the initial update is zero. */
export function createLoraFactors(
  [I, O]: readonly [I: number, O: number],
  loraRank: number,
  random: Random,
): LoraFactors {
  const bound = 1 / Math.sqrt(I);
  const values = Float32Array.from(
    { length: loraRank * I },
    () => (2 * random.uniform() - 1) * bound,
  );
  return tf.tidy(() => ({
    a: tf.variable(tf.tensor2d(values, [loraRank, I])),
    b: tf.variable(tf.zeros<tf.Rank.R2>([O, loraRank])),
  }));
}

/** `x W + scaling x Aᵀ Bᵀ`; `[N, I], [I, O] -> [N, O]`. Without factors `x W`. */
export function adaptedLinear(
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
  factors: LoraFactors | undefined,
  scaling: number,
): tf.Tensor2D {
  const y = tf.matMul<tf.Tensor2D>(x, weight);
  if (!factors) {
    return y;
  }
  const low: tf.Tensor2D = tf.mul(tf.matMul(x, factors.a, false, true), scaling); // scales the smaller matrix
  const update = tf.matMul(low, factors.b, false, true);
  return tf.add(y, update);
}
