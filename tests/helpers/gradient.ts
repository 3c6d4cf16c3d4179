/** @file Gradients by central differences, the oracle of explicit and automatic ones. */
import * as tf from "@tensorflow/tfjs";

/**
 * `(f(x + h) - f(x - h)) / 2h` for every element of `x`, which is changed and restored. With 32-bit arithmetic inside
 * `f` the result has about three digits: errors are of the order `1e-7 f / h + h²`.
 *
 * @param h Default: 1e-2, right for 32-bit functions of the order of 1.
 */
export async function centralDifferences(
  f: () => number | Promise<number>,
  x: Float32Array | Float64Array,
  h = 1e-2,
): Promise<Float64Array> {
  const gradient = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const before = x[i];
    x[i] = before + h;
    const above = x[i];
    const high = await f();
    x[i] = before - h;
    const below = x[i];
    const low = await f();
    x[i] = before;
    gradient[i] = (high - low) / (above - below); // the actual step, after rounding
  }
  return gradient;
}

/** The same for a function of a tensor. */
export function numericalGradient(
  f: (x: tf.Tensor) => tf.Tensor,
  x: tf.Tensor,
  h = 1e-2,
): tf.Tensor {
  const values = Float32Array.from(x.dataSync());
  const evaluate = () => tf.tidy(() => f(tf.tensor(values, x.shape)).dataSync()[0]);
  const gradient = values.map((before, i) => {
    values[i] = before + h;
    const high = evaluate();
    values[i] = before - h;
    const low = evaluate();
    values[i] = before;
    return (high - low) / (2 * h);
  });
  return tf.tensor(gradient, x.shape);
}

/** `||a - b|| / max(||a||, ||b||)`: relative distance of two gradients, 0 when both are zero. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let squaredA = 0;
  let squaredB = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    squaredA += a[i] ** 2;
    squaredB += b[i] ** 2;
  }
  const scale = Math.sqrt(Math.max(squaredA, squaredB));
  return scale === 0 ? 0 : Math.sqrt(difference) / scale;
}
