/**
 * @file Adam on plain arrays, with a state that can be saved.
 *
 * D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015 (algorithm 1).
 *
 * Notation (name here -> symbol): first -> m_t, second -> v_t, numSteps -> t.
 */

import type { Matrix } from "./matrix.js";
import { simdAdam } from "./simd-loops.js";

/** Arrays by name. */
export type NamedArrays = Record<string, Float32Array>;

/** The gradient of some rows of a matrix `[N, D]`; zero elsewhere. */
export interface RowGradient {
  /** Without repeats; `[B]`. */
  rows: Int32Array;
  /** `[B, D]`. */
  values: Matrix;
}

/** By parameter name. */
export type Gradients = Record<string, Float32Array | RowGradient>;

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-8;

interface Moments {
  first: Float32Array;
  second: Float32Array;
  numSteps: number;
}

/**
 * Updates parameters in place. Each has its own step count: one without a gradient stays unchanged, as in PyTorch with
 * gradients of `None`.
 *
 * With a row gradient, rows that never had one are skipped: their moments are zero, so dense Adam would not move them.
 * Rows that had one keep moving by their moments, as in dense Adam.
 */
export class Adam {
  private readonly moments = new Map<string, Moments>();

  constructor(private readonly parameters: NamedArrays) {}

  step(gradients: Gradients, learningRate: number): void {
    for (const [name, gradient] of Object.entries(gradients)) {
      const values = this.parameters[name];
      const moments = this.momentsOf(name, values.length);
      moments.numSteps++;
      const { numSteps } = moments;
      const step: AdamStep = {
        rate: learningRate / (1 - BETA_1 ** numSteps),
        correction: 1 / (1 - BETA_2 ** numSteps),
      };
      if (gradient instanceof Float32Array) {
        update(values, moments, gradient, step);
      } else {
        updateRows(values, moments, gradient, step);
      }
    }
  }

  /** `<parameter>.first`, `.second` and `.numSteps` (one value) of every updated parameter; shared, not copied. */
  state(): NamedArrays {
    const state: NamedArrays = {};
    for (const [name, { first, second, numSteps }] of this.moments) {
      state[`${name}.first`] = first;
      state[`${name}.second`] = second;
      state[`${name}.numSteps`] = Float32Array.of(numSteps);
    }
    return state;
  }

  /** Restores what {@link state} returned. */
  restore(state: NamedArrays): void {
    this.moments.clear();
    for (const name of Object.keys(this.parameters)) {
      const first = state[`${name}.first`] as Float32Array | undefined;
      if (first) {
        const second = state[`${name}.second`].slice();
        const [numSteps] = state[`${name}.numSteps`];
        this.moments.set(name, { first: first.slice(), second, numSteps });
      }
    }
  }

  private momentsOf(name: string, length: number): Moments {
    let moments = this.moments.get(name);
    if (!moments) {
      moments = { first: new Float32Array(length), second: new Float32Array(length), numSteps: 0 };
      this.moments.set(name, moments);
    }
    return moments;
  }
}

interface AdamStep {
  /** `α / (1 - β1^t)`. */
  rate: number;
  /** `1 / (1 - β2^t)`. */
  correction: number;
}

function update(
  values: Float32Array,
  moments: Moments,
  gradient: Float32Array,
  { rate, correction }: AdamStep,
): void {
  const factors = { rate, correction, beta1: BETA_1, beta2: BETA_2, epsilon: EPSILON };
  if (simdAdam(values, moments, gradient, factors)) {
    return;
  }
  const { first, second } = moments;
  for (let i = 0; i < values.length; i++) {
    const g = gradient[i];
    first[i] = BETA_1 * first[i] + (1 - BETA_1) * g;
    second[i] = BETA_2 * second[i] + (1 - BETA_2) * g * g;
    values[i] -= (rate * first[i]) / (Math.sqrt(second[i] * correction) + EPSILON);
  }
}

function updateRows(
  values: Float32Array,
  { first, second }: Moments,
  gradient: RowGradient,
  step: AdamStep,
): void {
  const D = gradient.values.shape[1];
  const zeros = new Float32Array(D);
  const place = new Int32Array(values.length / D).fill(-1);
  gradient.rows.forEach((row, at) => (place[row] = at));
  place.forEach((at, row) => {
    const start = row * D;
    const end = start + D;
    const moments = { first: first.subarray(start, end), second: second.subarray(start, end) };
    if (at >= 0 || moments.first.some(isNotZero) || moments.second.some(isNotZero)) {
      const g = at >= 0 ? gradient.values.values.subarray(at * D, (at + 1) * D) : zeros;
      update(values.subarray(start, end), { ...moments, numSteps: 0 }, g, step);
    }
  });
}

const isNotZero = (value: number) => value !== 0;
