/**
 * @file Rotary position embedding, in the half-split order of Hugging Face's LLaMA.
 *
 * J. Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021 (eq. 34).
 * https://arxiv.org/abs/2104.09864. The paper rotates the pairs (2i, 2i+1); LLaMA's weights expect the pairs (i, i +
 * d/2).
 *
 * Shapes: B sequences, T tokens, H heads, d size of a head.
 */
import * as tf from "@tensorflow/tfjs";

/** Cosines and sines of every token's angles; `[B, 1, T, d]` each. */
export interface Rotation {
  readonly cos: tf.Tensor4D;
  /** The first half of the last axis negated, so that `y = x cos + swapped(x) sin`. */
  readonly sin: tf.Tensor4D;
}

/** Angles `position θ^(-2i/d)`, twice along the last axis; `positions` is `[B, T]`, row by row. */
export function rotation(
  positions: ArrayLike<number>,
  [B, T]: readonly [B: number, T: number],
  d: number,
  theta: number,
): Rotation {
  const half = d / 2;
  const cos = new Float32Array(B * T * d);
  const sin = new Float32Array(B * T * d);
  for (let t = 0; t < B * T; t++) {
    for (let i = 0; i < half; i++) {
      const angle = positions[t] * theta ** (-i / half);
      const at = t * d + i;
      cos[at] = cos[at + half] = Math.cos(angle);
      sin[at + half] = Math.sin(angle);
      sin[at] = -sin[at + half];
    }
  }
  return { cos: tf.tensor4d(cos, [B, 1, T, d]), sin: tf.tensor4d(sin, [B, 1, T, d]) };
}

/** Rotates every head's vectors by their tokens' angles; `[B, H, T, d] -> [B, H, T, d]`. The gradient is rotated back. */
export function rotate(x: tf.Tensor4D, { cos, sin }: Rotation): tf.Tensor4D {
  const turn = tf.customGrad((input, save) => {
    const heads = input as tf.Tensor4D;
    (save as tf.GradSaveFunc)([cos, sin]); // a tidy around the forward pass would dispose of them
    return {
      value: tf.add(tf.mul(heads, cos), tf.mul(swapped(heads), sin)),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.sub(tf.mul(dy, saved[0]), tf.mul(swapped(dy as tf.Tensor4D), saved[1])),
    };
  });
  return turn(x) as tf.Tensor4D;
}

/** Swaps the halves of the last axis. */
function swapped(x: tf.Tensor4D): tf.Tensor4D {
  const [first, second] = tf.split<tf.Tensor4D>(x, 2, 3);
  return tf.concat<tf.Tensor4D>([second, first], 3);
}
