/** @file An affine map with PyTorch's names, `weight` `[O, I]` and `bias` `[O]`. */
import * as tf from "@tensorflow/tfjs";
import { filled, type NamedValues, type Parameters, xavierUniform } from "./parameters.js";
import { type Random } from "./random.js";

/** Initial values: Xavier-uniform weight, bias 0. */
export function linearValues(inputs: number, outputs: number, random: Random): NamedValues {
  return { weight: xavierUniform([outputs, inputs], random), bias: filled([outputs], 0) };
}

/** Initial values of a map with output 0 and a non-zero gradient. */
export function zeroLinearValues(inputs: number, outputs: number): NamedValues {
  return { weight: filled([outputs, inputs], 0), bias: filled([outputs], 0) };
}

/** `x Wᵀ + b`; `[..., I] -> [..., O]`. */
export function linear<T extends tf.Tensor>(x: T, parameters: Parameters): T {
  return affine(x, parameters("weight"), parameters("bias"));
}

/** {@link linear} of tensors without names. */
export function affine<T extends tf.Tensor>(x: T, weight: tf.Tensor2D, bias: tf.Tensor1D): T {
  const I = x.shape[x.rank - 1];
  const [O] = weight.shape;
  const rows = tf.reshape<tf.Rank.R2>(x, [x.size / I, I]);
  const y = tf.add(tf.matMul(rows, weight, false, true), bias);
  const result: tf.Tensor = tf.reshape(y, [...x.shape.slice(0, -1), O]);
  return result as T; // of x's rank
}
