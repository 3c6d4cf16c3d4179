/**
 * @file The parameters of trainable modules: initial values as named arrays, then tensors by name.
 *
 * Names and layouts are PyTorch's (`tfm.encoder.layers.0.linear1.weight`, `[outputs, inputs]`), so its files can be
 * read.
 */
import * as tf from "@tensorflow/tfjs";
import { type Random } from "./random.js";
import { type StoredTensor } from "./safetensors.js";

/** Arrays with shapes, by name. */
export type NamedValues = Record<string, StoredTensor>;

/** Looks up a tensor by name. */
export type Parameters = <T extends tf.Tensor = tf.Tensor>(name: string) => T;

/** @throws Error for an unknown name. */
export function parametersOf(tensors: Readonly<Record<string, tf.Tensor>>): Parameters {
  return <T extends tf.Tensor>(name: string) => {
    if (!Object.hasOwn(tensors, name)) {
      throw new Error(`parametersOf: expected one of ${Object.keys(tensors)}, got ${name}`);
    }
    return tensors[name] as T; // the module that asks chose its shape
  };
}

/** The parameters below `prefix`, without it. */
export function within(parameters: Parameters, prefix: string): Parameters {
  return name => parameters(`${prefix}.${name}`);
}

/** Variables with these initial values. */
export function variablesOf(values: NamedValues): Record<string, tf.Variable> {
  return Object.fromEntries(
    Object.entries(values).map(([name, { shape, values: first }]) => [
      name,
      tf.tidy(() => tf.variable(tf.tensor(first, [...shape]))),
    ]),
  );
}

/** The values with prefixed names. */
export function named(prefix: string, values: NamedValues): NamedValues {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]),
  );
}

/**
 * A matrix `[O, I]` uniform in `±sqrt(6 / (I + O))`: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
 * feedforward neural networks", AISTATS 2010 (eq. 16).
 */
export function xavierUniform(
  [O, I]: readonly [O: number, I: number],
  random: Random,
): StoredTensor {
  const bound = Math.sqrt(6 / (I + O));
  const values = Float32Array.from({ length: O * I }, () => (2 * random.uniform() - 1) * bound);
  return { shape: [O, I], values };
}

export function filled(shape: readonly number[], value: number): StoredTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return { shape, values: new Float32Array(length).fill(value) };
}
