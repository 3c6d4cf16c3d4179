/** @file Adam over TensorFlow.js variables, with gradient clipping and a state that can be saved. */
import * as tf from "@tensorflow/tfjs";
import { AppError } from "../../errors/app-error.js";
import { Adam, type NamedArrays } from "../nn/adam.js";
import { type NamedValues } from "../nn/parameters.js";

/** Prefix of its tensors' names. */
const PREFIX = "adam.";

export class PersonalizerOptimizer {
  /** Copies of the variables that Adam updates, refreshed before every step. */
  private readonly values: NamedArrays = {};
  private readonly adam: Adam;

  constructor(private readonly variables: Readonly<Record<string, tf.Variable>>) {
    for (const name of Object.keys(variables)) {
      this.values[name] = new Float32Array(0);
    }
    this.adam = new Adam(this.values);
  }

  /**
   * One descent step on `loss`. Variables that it does not depend on stay unchanged.
   *
   * @returns The gradient's length before clipping to `maxNorm`.
   * @throws AppError `TRAINING_DIVERGED` for a non-finite gradient; changes nothing then.
   */
  minimize(loss: () => tf.Scalar, learningRate: number, maxNorm: number): number {
    const gradients = this.gradients(loss);
    let squared = 0;
    for (const gradient of Object.values(gradients)) {
      squared += gradient.reduce((sum, g) => sum + g * g, 0);
    }
    const norm = Math.sqrt(squared);
    if (!Number.isFinite(norm)) {
      throw new AppError("TRAINING_DIVERGED", { model: "personalizer" });
    }
    const scale = norm > maxNorm ? maxNorm / norm : 1;
    for (const [name, gradient] of Object.entries(gradients)) {
      gradient.forEach((g, i) => (gradient[i] = g * scale));
      this.values[name] = Float32Array.from(this.variables[name].dataSync());
    }
    this.adam.step(gradients, learningRate);
    for (const name of Object.keys(gradients)) {
      const variable = this.variables[name];
      tf.tidy(() => {
        variable.assign(tf.tensor(this.values[name], variable.shape));
      });
    }
    return norm;
  }

  state(): NamedValues {
    const named = Object.entries(this.adam.state()).map(([name, values]) => [
      PREFIX + name,
      { shape: [values.length], values: values.slice() },
    ]);
    return Object.fromEntries(named) as NamedValues;
  }

  /** Restores what {@link state} returned. */
  restore(state: NamedValues): void {
    const arrays = Object.entries(state)
      .filter(([name]) => name.startsWith(PREFIX))
      .map(([name, { values }]) => [name.slice(PREFIX.length), values]);
    this.adam.restore(Object.fromEntries(arrays) as NamedArrays);
  }

  private gradients(loss: () => tf.Scalar): NamedArrays {
    const names = Object.keys(this.variables);
    const result: NamedArrays = {};
    tf.tidy(() => {
      const { grads } = tf.variableGrads(
        loss,
        names.map(name => this.variables[name]),
      );
      for (const name of names) {
        const gradient = grads[this.variables[name].name] as tf.Tensor | undefined;
        if (gradient) {
          result[name] = Float32Array.from(gradient.dataSync());
        }
      }
    });
    return result;
  }
}
