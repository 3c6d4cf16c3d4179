/**
 * @file Adam on plain arrays, with a state that can be saved.
 *
 * D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015 (algorithm 1).
 *
 * Notation (name here -> symbol): first -> m_t, second -> v_t, numSteps -> t.
 */

/** Arrays by name. */
export type NamedArrays = Record<string, Float32Array>;

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-8;

interface Moments {
  first: Float32Array;
  second: Float32Array;
  numSteps: number;
}

/**
 * Updates parameters in place. Each has its own step count: one without a gradient in a step is left as it was, as
 * PyTorch does with gradients of `None`.
 */
export class Adam {
  private readonly moments = new Map<string, Moments>();

  constructor(private readonly parameters: NamedArrays) {}

  step(gradients: NamedArrays, learningRate: number): void {
    for (const [name, gradient] of Object.entries(gradients)) {
      const values = this.parameters[name];
      const moments = this.momentsOf(name, values.length);
      moments.numSteps++;
      const { first, second, numSteps } = moments;
      const rate = learningRate / (1 - BETA_1 ** numSteps);
      const correction = 1 / (1 - BETA_2 ** numSteps);
      for (let i = 0; i < values.length; i++) {
        const g = gradient[i];
        first[i] = BETA_1 * first[i] + (1 - BETA_1) * g;
        second[i] = BETA_2 * second[i] + (1 - BETA_2) * g * g;
        values[i] -= (rate * first[i]) / (Math.sqrt(second[i] * correction) + EPSILON);
      }
    }
  }

  /** `<parameter>.first`, `.second` and `.numSteps` (one value) of every parameter that has been updated; shared, not copied. */
  state(): NamedArrays {
    const state: NamedArrays = {};
    for (const [name, { first, second, numSteps }] of this.moments) {
      state[`${name}.first`] = first;
      state[`${name}.second`] = second;
      state[`${name}.numSteps`] = Float32Array.of(numSteps);
    }
    return state;
  }

  /** Takes over what {@link state} gave. */
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
