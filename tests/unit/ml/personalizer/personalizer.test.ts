import * as tf from "@tensorflow/tfjs";
import { type Llama } from "../../../../src/ml/language/llama.js";
import { matrix } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import {
  paperForm,
  type PersonalizerConfig,
} from "../../../../src/ml/personalizer/personalizer-config.js";
import { decodePersonalizer } from "../../../../src/ml/personalizer/personalizer-files.js";
import {
  explored,
  Personalizer,
  type Policy,
  type Rollout,
} from "../../../../src/ml/personalizer/personalizer.js";
import { loadTfjsBackend } from "../../../../src/ml/runtime/tfjs-backend.js";
import { tinyConfig, tinyInput, tinyLlama } from "./tiny-personalizer.js";

const inputs = [tinyInput(1), tinyInput(2, 5)];

beforeAll(() => loadTfjsBackend(["cpu"]));

function created(changes: Partial<PersonalizerConfig> = {}, seed = 4) {
  const llm = tinyLlama();
  const personalizer = Personalizer.create({ ...tinyConfig, ...changes }, llm, seed);
  return { llm, personalizer };
}

function disposed({ llm, personalizer }: { llm: Llama; personalizer: Personalizer }) {
  personalizer.dispose();
  llm.dispose();
}

/** Random rewards: the test does not depend on them. */
function rolloutsOf(policies: readonly Policy[], seed: number): Rollout[] {
  const random = new Random(seed);
  return policies.map(({ mean }, b) => ({
    input: inputs[b],
    noises: [0, 1, 2].map(() => random.normals(mean.length)),
    rewards: [0, 1, 2].map(() => random.normal()),
  }));
}

const step = (personalizer: Personalizer, seed: number) =>
  personalizer.trainStep(rolloutsOf(personalizer.policy(inputs), seed));

const bytes = (personalizer: Personalizer) => Buffer.from(personalizer.encodeTraining());

describe("Personalizer.policy()", () => {
  it("is, untrained, the generator's own condition: image tokens of P^ret, then E^key", () => {
    const made = created();
    const policies = made.personalizer.policy(inputs);
    policies.forEach(({ mean, shape }, b) => {
      const { imageTokens, keyStates } = inputs[b];
      expect(shape).toEqual([5, 8]);
      expect([...mean]).toEqual([...imageTokens.values, ...keyStates.values]);
    });
    disposed(made);
  });

  it("has a σ of a tenth of the root mean square of P^gen", () => {
    const made = created();
    const [{ mean, numMovedTokens, sigma }] = made.personalizer.policy(inputs);
    expect(numMovedTokens).toBe(2);
    expect(sigma).toBeCloseTo(0.1 * Math.sqrt(mean.reduce((sum, x) => sum + x * x, 0) / 40), 6);
    disposed(made);
  });

  it("has in the paper's form a token for every word, and perturbs all", () => {
    const made = created(paperForm);
    const policies = made.personalizer.policy(inputs);
    expect(policies.map(({ shape }) => shape)).toEqual([
      [3 + 2 + 3, 8],
      [5 + 2 + 3, 8],
    ]);
    expect(policies.map(({ numMovedTokens }) => numMovedTokens)).toEqual([8, 10]);
    expect([...policies[0].mean.subarray(5 * 8)]).toEqual([...inputs[0].keyStates.values]);
    disposed(made);
  });

  it.each([{}, paperForm])("does not depend on the rest of its batch (%j)", changes => {
    const made = created(changes);
    step(made.personalizer, 1); // away from the initial values, which hide it
    const [, together] = made.personalizer.policy(inputs);
    const [first] = made.personalizer.policy(inputs.slice(0, 1));
    const [alone] = made.personalizer.policy(inputs.slice(1));
    expect(alone.mean).toBeAllclose(together.mean, { atol: 1e-5 });
    expect(first.mean).toBeAllclose(made.personalizer.policy(inputs)[0].mean, { atol: 1e-5 });
    disposed(made);
  });

  it("refuses a prompt without its image tokens and tensors of other sizes", () => {
    const made = created();
    const without = { ...inputs[0], llmIds: [1, 2, 3] };
    expect(() => made.personalizer.policy([without])).toThrow("expected a prompt that ends with");
    const narrow = { ...inputs[0], retrieved: new Float32Array(5) };
    expect(() => made.personalizer.policy([narrow])).toThrow("expected retrieved of [6], got [5]");
    disposed(made);
  });
});

describe("a user without a history", () => {
  it("explores and trains with zero image tokens", () => {
    const made = created();
    const nothing = { ...inputs[0], retrieved: new Float32Array(6), imageTokens: matrix([2, 8]) };
    const [policy] = made.personalizer.policy([nothing]);
    expect(policy.sigma).toBeGreaterThan(0);
    const noises = [1, 2, 3].map(seed => new Random(seed).normals(policy.mean.length));
    const { total } = made.personalizer.trainStep([{ input: nothing, noises, rewards: [0, 1, 2] }]);
    expect(total).toEqual(expect.any(Number));
    disposed(made);
  });
});

describe("explored()", () => {
  it("perturbs only the preference's tokens", () => {
    const made = created();
    const [policy] = made.personalizer.policy(inputs);
    const noise = new Random(1).normals(policy.mean.length);
    const action = explored(policy, noise);
    expect([...action.subarray(16)]).toEqual([...policy.mean.subarray(16)]);
    expect(action[3]).toBeCloseTo(policy.mean[3] + policy.sigma * noise[3], 6);
    disposed(made);
  });

  it("perturbs them within the explored directions, by as much", () => {
    const made = created();
    // Samples that differ in coordinates 0 and 5 only.
    const random = new Random(5);
    const samples = matrix([20, 16]);
    for (let s = 0; s < 20; s++) {
      samples.values[s * 16] = random.normal();
      samples.values[s * 16 + 5] = 3 * random.normal();
    }
    made.personalizer.explore(samples, { count: 2 });
    const [policy] = made.personalizer.policy(inputs);
    let squared = 0;
    let elsewhere = 0;
    for (let draw = 0; draw < 2000; draw++) {
      const action = explored(policy, random.normals(policy.mean.length));
      const moves = action.map((value, i) => (value - policy.mean[i]) / policy.sigma);
      squared += moves.reduce((sum, x) => sum + x * x, 0) / 16 / 2000;
      moves[0] = moves[5] = 0;
      elsewhere = moves.reduce((most, move) => Math.max(most, Math.abs(move)), elsewhere);
    }
    // The mean of 4,000 squares of N(0, 1): standard error sqrt(2 / 4000) = 0.022.
    expect(Math.abs(squared - 1)).toBeLessThan(0.07);
    expect(elsewhere).toBeLessThan(1e-4);
    disposed(made);
  });
});

describe("Personalizer.trainStep()", () => {
  it("changes every trainable variable once the attention is non-zero, and nothing else", () => {
    const made = created({ calibrator: "pooled" });
    const frozen = JSON.stringify(frozenValues(made.llm));
    const given = JSON.stringify(inputs);
    const before = Object.entries(made.personalizer.trainable).map(
      ([name, variable]) => [name, [...variable.dataSync()].join()] as const,
    );
    step(made.personalizer, 1);
    step(made.personalizer, 2);
    const still = before.filter(
      ([name, values]) => [...made.personalizer.trainable[name].dataSync()].join() === values,
    );
    // A softmax does not change when all its scores do: the bias of the keys has no gradient but rounding.
    expect(still.map(([name]) => name)).toEqual([]);
    expect(JSON.stringify(frozenValues(made.llm))).toBe(frozen);
    expect(JSON.stringify(inputs)).toBe(given);
    disposed(made);
  });

  it("gives the same bytes for the same seed only", () => {
    const run = (seed: number) => {
      const made = created({}, seed);
      step(made.personalizer, 1);
      step(made.personalizer, 2);
      const result = bytes(made.personalizer);
      disposed(made);
      return result;
    };
    expect(run(4).equals(run(4))).toBe(true);
    expect(run(4).equals(run(5))).toBe(false);
  });

  it("resumes from a saved state to the same bytes", () => {
    const whole = created();
    step(whole.personalizer, 1);
    const saved = whole.personalizer.encodeTraining();
    step(whole.personalizer, 2);
    const resumed = created({}, 99);
    resumed.personalizer.restoreTraining(saved);
    step(resumed.personalizer, 2);
    expect(bytes(resumed.personalizer).equals(bytes(whole.personalizer))).toBe(true);
    disposed(whole);
    disposed(resumed);
  });

  it("raises the likelihood of better rewarded actions, by the gradient of Eq. 15", () => {
    const made = created({ alpha: 0, gamma: 0 });
    const [policy] = made.personalizer.policy(inputs.slice(0, 1));
    const noise = new Random(3).normals(policy.mean.length);
    const opposite = noise.map(x => -x);
    made.personalizer.trainStep([{ input: inputs[0], noises: [noise, opposite], rewards: [1, 0] }]);
    const [after] = made.personalizer.policy(inputs.slice(0, 1));
    const along = after.mean.reduce(
      (sum, x, i) => sum + (i < 16 ? (x - policy.mean[i]) * noise[i] : 0),
      0,
    );
    expect(along).toBeGreaterThan(0);
    disposed(made);
  });

  it("reports the loss as the weighted sum of its parts", () => {
    const made = created({ alpha: 0.3, beta: 2, gamma: 0.7, calibrator: "broadcast" });
    const { calibration, rank, semantic, total } = step(made.personalizer, 1);
    expect(total).toBeCloseTo(0.3 * calibration + 2 * rank + 0.7 * semantic, 4);
    disposed(made);
  });

  it("uses the rendered actions where given", () => {
    const made = created();
    const policies = made.personalizer.policy(inputs);
    const rollouts = rolloutsOf(policies, 1);
    const state = made.personalizer.encodeTraining();
    const told = rollouts.map((rollout, b) => ({
      ...rollout,
      rendered: {
        actions: rollout.noises.map(noise => explored(policies[b], noise)),
        sigma: policies[b].sigma,
      },
    }));
    const terms = made.personalizer.trainStep(rollouts);
    made.personalizer.restoreTraining(state);
    const same = made.personalizer.trainStep(told);
    expect(same.rank).toBeCloseTo(terms.rank, 4);
    expect(same.gradientNorm).toBeCloseTo(terms.gradientNorm, 4);
    disposed(made);
  });

  it("refuses non-finite rewards, and changes nothing", () => {
    const made = created();
    const before = bytes(made.personalizer);
    const [rollout] = rolloutsOf(made.personalizer.policy(inputs), 1);
    expect(() => made.personalizer.trainStep([{ ...rollout, rewards: [NaN, 0, 1] }])).toThrow(
      expect.objectContaining({ code: "TRAINING_DIVERGED" }) as Error,
    );
    expect(bytes(made.personalizer).equals(before)).toBe(true);
    disposed(made);
  });

  it.each([{}, paperForm])("leaves no tensor behind (%j)", changes => {
    const before = tf.memory().numTensors;
    const made = created(changes);
    const variables = tf.memory().numTensors;
    step(made.personalizer, 1);
    expect(tf.memory().numTensors).toBe(variables);
    disposed(made);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("Personalizer.restore()", () => {
  it("gives the saved policies, with directions and configuration", () => {
    const made = created({ sigma: 0.2 });
    made.personalizer.explore(matrix([9, 16], new Random(1).normals(9 * 16)), { count: 3 });
    step(made.personalizer, 1);
    const files = made.personalizer.toFiles({ dataset: "stickers", seed: 4 });
    const llm = tinyLlama();
    const loaded = Personalizer.restore(decodePersonalizer(files), llm);
    expect(loaded.config).toEqual(made.personalizer.config);
    expect(loaded.policy(inputs)).toEqual(made.personalizer.policy(inputs));
    disposed(made);
    disposed({ llm, personalizer: loaded });
  });

  it("reports a file that is cut off or of another language model", () => {
    const made = created();
    const files = made.personalizer.toFiles({});
    const name = "personalizer.safetensors";
    const cutOff = { [name]: files[name].subarray(0, files[name].length - 4) };
    const coded = (code: string) => expect.objectContaining({ code }) as Error;
    expect(() => decodePersonalizer(cutOff)).toThrow(coded("FILE_MALFORMED"));
    expect(() => decodePersonalizer({})).toThrow(coded("FILE_NOT_FOUND"));
    const before = tf.memory().numTensors;
    const other = { ...made.llm, trainable: { lora: tf.variable(tf.scalar(1)) } };
    const llm = Object.assign(Object.create(made.llm) as Llama, other);
    expect(() => Personalizer.restore(decodePersonalizer(files), llm)).toThrow(
      "'llm.lora' is absent",
    );
    expect(tf.memory().numTensors).toBe(before + 2); // the variable of this test and its value
    disposed(made);
  });
});

describe("Personalizer.create()", () => {
  it("refuses a language model with another number of image tokens, and invalid configurations", () => {
    const llm = tinyLlama();
    const attempt = (changes: Partial<PersonalizerConfig>) =>
      Personalizer.create({ ...tinyConfig, ...changes }, llm, 1);
    expect(() => attempt({ numImageTokens: 3 })).toThrow("the language model has 2");
    expect(() => attempt({ form: "paper", calibrator: "tokens" })).toThrow("'tokens'");
    expect(() => attempt({ mapper: { ...tinyConfig.mapper, numHeads: 3 } })).toThrow("multiple");
    llm.dispose();
  });
});

/** Private, which is why the test looks inside. */
function frozenValues(llm: Llama): unknown {
  const { weights } = llm as unknown as {
    weights: {
      embeddings: Float32Array;
      layers: Record<string, tf.Tensor>[];
      finalNorm: tf.Tensor;
    };
  };
  return [
    [...weights.embeddings],
    ...weights.layers.map(layer => Object.values(layer).map(tensor => [...tensor.dataSync()])),
    [...weights.finalNorm.dataSync()],
  ];
}

describe("Personalizer with the ranking model's preference", () => {
  const random = new Random(8);
  const read = inputs.map(input => ({
    ...input,
    rankerTokens: matrix([2, 8], random.normals(16)),
  }));

  it("is, untrained, the same as without", () => {
    const without = created();
    const made = created({ rankerPreference: true });
    const means = (of: typeof made, own: typeof inputs) =>
      of.personalizer.policy(own).map(({ mean }) => [...mean]);
    expect(means(made, read)).toEqual(means(without, inputs));
    disposed(made);
    disposed(without);
  });

  it("is, untrained, that preference where it starts there, and only where it is read", () => {
    const without = created();
    const made = created({ rankerPreference: true, startsAtRanker: true });
    // As P^gen of P^ret, if the ranking model's tokens were those of P^ret.
    const inPlace = read.map(input => ({ ...input, imageTokens: input.rankerTokens }));
    const means = (of: typeof made, own: typeof inputs) =>
      of.personalizer.policy(own).map(({ mean }) => mean);
    const expected = means(without, inPlace);
    means(made, read).forEach((mean, b) => {
      mean.forEach((value, at) => {
        expect(value).toBeCloseTo(expected[b][at], 5);
      });
    });
    disposed(made);
    disposed(without);
    expect(() => created({ startsAtRanker: true })).toThrow(
      "startsAtRanker needs rankerPreference",
    );
  });

  it("learns to follow it where the chosen conditions do, and comes back from its file", () => {
    const made = created({ rankerPreference: true, learningRate: 0.003 });
    const { personalizer } = made;
    const lessons = read.map(input => ({ input, target: input.rankerTokens.values }));
    const distance = lessons.reduce(
      (sum, { input, target }) =>
        sum + target.reduce((part, x, at) => part + (x - input.imageTokens.values[at]) ** 2, 0),
      0,
    );
    const scale = distance / lessons.length;
    const first = personalizer.trainToward(lessons, scale);
    expect(first.rank).toBeCloseTo(1, 5); // nothing is learned yet
    let last = first;
    for (let n = 0; n < 60; n++) {
      last = personalizer.trainToward(lessons, scale);
    }
    expect(last.rank).toBeLessThan(0.2);
    const { "personalizer.safetensors": file } = personalizer.toFiles({});
    const stored = decodePersonalizer({ "personalizer.safetensors": file });
    const llm = tinyLlama();
    const restored = Personalizer.restore(stored, llm);
    expect(stored.config.rankerPreference).toBe(true);
    expect(restored.policy(read)[0].mean).not.toEqual(
      created().personalizer.policy(inputs)[0].mean,
    );
    disposed(made);
    disposed({ llm, personalizer: restored });
  });

  it("cannot be had in the paper's form", () => {
    expect(() => created({ ...paperForm, rankerPreference: true })).toThrow(
      "the form 'paper' does not read the ranking model's preference",
    );
  });
});
