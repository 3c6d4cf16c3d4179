import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { type LlamaWeights, weightTensors } from "../../../../src/ml/language/llama-weights.js";
import { Llama } from "../../../../src/ml/language/llama.js";
import { loadSafetensors } from "../../../../src/ml/runtime/safetensors-file.js";
import { loadTfjsBackend } from "../../../../src/ml/runtime/tfjs-backend.js";
import { golden, goldenDir } from "./golden.js";

const { loraRank, alpha, targets, ids, mask, hidden, steps } = golden.lora;
const options = { lora: { loraRank, alpha, targets } };
const directory = join(goldenDir, "tied");

beforeAll(() => loadTfjsBackend());

/** Next-token cross-entropy over what is not padding, as in pretrain/golden_language.py. */
function nextTokenLoss(model: Llama): tf.Scalar {
  const [B, T] = [ids.length, ids[0].length];
  const idTensor = tf.tensor2d(ids, [B, T], "int32");
  const states = model.hiddenStates(idTensor, tf.tensor2d(mask, [B, T]));
  const V = model.config.vocabSize;
  const predicted = tf.slice(model.logits(states), [0, 0, 0], [B, T - 1, V]);
  const logProbs = tf.logSoftmax(tf.reshape(predicted, [B * (T - 1), V]));
  const wanted = tf.oneHot(tf.reshape(tf.slice(idTensor, [0, 1], [B, T - 1]), [-1]), V);
  const counts = tf.reshape(tf.slice(tf.tensor2d(mask), [0, 1], [B, T - 1]), [-1, 1]);
  const total = tf.sum(tf.mul(tf.mul(logProbs, wanted), counts));
  return tf.neg(tf.div<tf.Scalar>(total, tf.sum(counts)));
}

/** Copies of every frozen tensor's values. */
function frozenValues(model: Llama): Float32Array[] {
  const { weights } = model as unknown as { weights: LlamaWeights };
  return [
    weights.embeddings.slice(),
    ...weightTensors(weights).map(tensor => tensor.dataSync<"float32">().slice()),
  ];
}

describe("Llama with peft's adapters", () => {
  let model: Llama;

  beforeEach(async () => {
    model = await Llama.load(directory, options);
    const { tensors } = await loadSafetensors(join(goldenDir, "peft", "adapter_model.safetensors"));
    expect(Object.keys(tensors).sort()).toEqual(Object.keys(model.trainable).sort());
    for (const [name, variable] of Object.entries(model.trainable)) {
      tf.tidy(() => variable.assign(tf.tensor(tensors[name].values, variable.shape)));
    }
  });
  afterEach(() => model.dispose());

  it("has peft's hidden states", () => {
    const got = tf.tidy(() =>
      model.hiddenStates(
        tf.tensor2d([ids[0]], undefined, "int32"),
        tf.ones<tf.Rank.R2>([1, ids[0].length]),
      ),
    );
    expect(got).toBeAllclose(hidden, { rtol: 0, atol: 1e-4 });
    got.dispose();
  });

  it.each([
    ["sgd", () => tf.train.sgd(0.1)],
    ["adam", () => tf.train.adam(0.01, 0.9, 0.999, 1e-8)],
  ] as const)("takes peft's step of %s, and changes nothing else", (name, createOptimizer) => {
    const before = frozenValues(model);
    const optimizer = createOptimizer();
    const loss = optimizer.minimize(
      () => nextTokenLoss(model),
      true,
      Object.values(model.trainable),
    )!;
    const { loss: wantedLoss, after } = steps[name];
    expect(loss).toBeAllclose(wantedLoss, { rtol: 0, atol: 1e-4 });
    expect(Object.keys(model.trainable).sort()).toEqual(Object.keys(after).sort());
    for (const [key, variable] of Object.entries(model.trainable)) {
      expect(variable).toBeAllclose(after[key], { rtol: 0, atol: 1e-4 });
    }
    expect(frozenValues(model)).toEqual(before);
    optimizer.dispose();
    loss.dispose();
  });
});

describe("Llama with new adapters", () => {
  it("equals the base model before training", async () => {
    const [plain, adapted] = [
      await Llama.load(directory),
      await Llama.load(directory, { lora: {} }),
    ];
    const states = (model: Llama) => {
      const result = tf.tidy(() =>
        model.hiddenStates(tf.tensor2d(ids, undefined, "int32"), tf.tensor2d(mask)),
      );
      const values = result.dataSync();
      result.dispose();
      return values;
    };
    expect(states(adapted)).toEqual(states(plain));
    expect(Object.keys(adapted.trainable)).toHaveLength(2 * 2 * 2); // layers, q and v, A and B
    plain.dispose();
    adapted.dispose();
  });

  it("can memorize a sequence", async () => {
    const model = await Llama.load(directory, { lora: { loraRank: 8, alpha: 16 }, seed: 1 });
    const optimizer = tf.train.adam(0.02);
    const losses: number[] = [];
    for (let step = 0; step < 60; step++) {
      const loss = optimizer.minimize(
        () => nextTokenLoss(model),
        true,
        Object.values(model.trainable),
      )!;
      losses.push(loss.dataSync()[0]);
      loss.dispose();
    }
    expect(losses.at(-1)).toBeLessThan(losses[0] / 4);
    optimizer.dispose();
    model.dispose();
  });
});
