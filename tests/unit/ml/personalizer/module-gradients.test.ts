/** @jest-environment ./tests/helpers/float64-environment.js */
import * as tf from "@tensorflow/tfjs";
import { layerNorm, layerNormValues } from "../../../../src/ml/nn/layer-norm.js";
import { linear, linearValues } from "../../../../src/ml/nn/linear.js";
import { attentionValues } from "../../../../src/ml/nn/multi-head-attention.js";
import {
  type NamedValues,
  type Parameters,
  parametersOf,
} from "../../../../src/ml/nn/parameters.js";
import { Random } from "../../../../src/ml/nn/random.js";
import {
  calibrationLoss,
  tokenCalibrationLoss,
} from "../../../../src/ml/personalizer/balance-calibrator.js";
import { crossAttention } from "../../../../src/ml/personalizer/cross-attention.js";
import {
  generatedPreference,
  preferenceValues,
} from "../../../../src/ml/personalizer/generated-preference.js";
import { modalMapper, modalMapperValues } from "../../../../src/ml/personalizer/modal-mapper.js";
import { paperForm } from "../../../../src/ml/personalizer/personalizer-config.js";
import { createPolicyBatch, rankLoss } from "../../../../src/ml/reflection/policy-gradient.js";
import { semanticLoss } from "../../../../src/ml/reflection/semantic-loss.js";
import { totalLoss } from "../../../../src/ml/reflection/total-loss.js";
import { centralDifferences, relativeError } from "../../../helpers/gradient.js";
import { tinyConfig } from "./tiny-personalizer.js";

const H = 1e-5;
const LIMIT = 1e-6;

beforeAll(async () => {
  // TensorFlow.js asks Node whether an array is a Float32Array; here these are 64-bit arrays.
  tf.env().platform.isTypedArray = (array): array is Float32Array => ArrayBuffer.isView(array);
  await tf.setBackend("cpu");
});

/** A random value of that shape. */
const drawn = (seed: number, ...shape: number[]) => ({
  shape,
  values: new Random(seed).normals(shape.reduce((p, s) => p * s, 1)),
});

/** Moves every value away from its initial one, which may be 0 or 1. */
function shaken(values: NamedValues): NamedValues {
  const random = new Random(8);
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      { ...value, values: Float32Array.from(value.values, x => x + 0.2 * random.normal()) },
    ]),
  );
}

/** The gradient of `f` in each of the values, by name, against central differences. */
async function expectGradients(
  values: NamedValues,
  f: (parameters: Parameters) => tf.Tensor,
): Promise<void> {
  const names = Object.keys(values);
  const loss = (...tensors: tf.Tensor[]) =>
    tf.sum(
      tf.sin(f(parametersOf(Object.fromEntries(tensors.map((tensor, i) => [names[i], tensor]))))),
    );
  const arrays = names.map(name => Float32Array.from(values[name].values));
  const tensors = () =>
    names.map((name, i) => tf.tensor(arrays[i].slice(), [...values[name].shape]));
  const gradients = tf.grads(loss)(tensors());
  const all = { got: [] as number[], expected: [] as number[] };
  for (const [i, array] of arrays.entries()) {
    const numerical = await centralDifferences(
      async () => tf.tidy(() => loss(...tensors()).dataSync()[0]),
      array,
      H,
    );
    all.got.push(...gradients[i].dataSync());
    all.expected.push(...numerical);
  }
  expect(Math.hypot(...all.expected)).toBeGreaterThan(1e-3);
  expect(relativeError(all.got, all.expected)).toBeLessThan(LIMIT);
}

const tensor3d = (parameters: Parameters, name: string) => parameters<tf.Tensor3D>(name);

describe("gradients, against central differences in 64 bits, of", () => {
  it("linear()", async () => {
    const values = { ...linearValues(4, 3, new Random(1)), x: drawn(1, 2, 3, 4) };
    await expectGradients(shaken(values), p => linear(tensor3d(p, "x"), p));
  });

  it("layerNorm()", async () => {
    const values = { ...layerNormValues(5), x: drawn(1, 2, 3, 5) };
    await expectGradients(shaken(values), p => layerNorm(tensor3d(p, "x"), p));
  });

  it("crossAttention()", async () => {
    const values = {
      ...attentionValues(4, new Random(1)),
      queries: drawn(1, 2, 3, 4),
      memory: drawn(2, 2, 3, 4),
    };
    const mask = tf.tensor2d([0, 1, 1, 1, 1, 1], [2, 3]);
    await expectGradients(shaken(values), p =>
      crossAttention(tensor3d(p, "queries"), { tokens: tensor3d(p, "memory"), mask }, p),
    );
  });

  it("modalMapper()", async () => {
    const config = { width: 4, numLayers: 1, numHeads: 2, feedForwardSize: 6 };
    const sizes = { inputSize: 3, numQueries: 2, outputSize: 4 };
    const values = { ...modalMapperValues(sizes, config, new Random(1)), x: drawn(1, 2, 2, 3) };
    await expectGradients(shaken(values), p => modalMapper(tensor3d(p, "x"), p, config));
  });

  it.each([{}, { ...paperForm }, { memory: "key" as const }])(
    "generatedPreference() (%j)",
    async changes => {
      const mapper = { width: 4, numLayers: 1, numHeads: 1, feedForwardSize: 4 };
      const config = { ...tinyConfig, mapper, conditionSize: 4, embeddingSize: 3, ...changes };
      const isOfLosses = (name: string) => /^(calibrator|semantic)\./.test(name);
      const parameters = Object.entries(preferenceValues(config, 3, new Random(1)));
      const values = {
        ...Object.fromEntries(parameters.filter(([name]) => !isOfLosses(name))),
        text: drawn(1, 2, 2, 3),
        image: drawn(2, 2, 2, 3),
      };
      const textMask = tf.tensor2d([0, 1, 1, 1], [2, 2]);
      const keyStates = tf.tensor3d(drawn(3, 2, 3, 4).values, [2, 3, 4]);
      const imageTokens = tf.tensor3d(drawn(4, 2, 2, 4).values, [2, 2, 4]);
      await expectGradients(shaken(values), p => {
        const features = { text: tensor3d(p, "text"), textMask, image: tensor3d(p, "image") };
        const made = generatedPreference(
          features,
          { keyStates, imageTokens, rankerTokens: imageTokens },
          p,
          config,
        );
        const { tokens, mask } = made.tokens;
        const { tokens: multiModal, mask: multiModalMask } = made.multiModal;
        return tf.add(
          tf.sum(tf.mul(tf.sin(tokens), tf.expandDims(mask, 2))),
          tf.sum(tf.mul(tf.cos(multiModal), tf.expandDims(multiModalMask, 2))),
        );
      });
    },
  );

  it("the losses and their sum", async () => {
    const values = { tokens: drawn(1, 2, 3, 4), target: drawn(2, 2, 4), mean: drawn(3, 2, 3, 4) };
    const mask = tf.tensor2d([0, 1, 1, 1, 1, 1], [2, 3]);
    const random = new Random(4);
    const pairs = [8, 12].map(length => ({
      actions: [random.normals(length), random.normals(length)],
      advantages: [0.7, -0.4],
      sigma: 0.8,
    }));
    const batch = createPolicyBatch(pairs, 4);
    await expectGradients(values, p => {
      const generated = { tokens: tensor3d(p, "tokens"), mask };
      const target = p<tf.Tensor2D>("target");
      const parts = (mode: "pooled" | "broadcast", semantic: "pooled" | "tokenwise") => ({
        calibration: calibrationLoss(generated, target, mode),
        rank: rankLoss(tensor3d(p, "mean"), batch),
        semantic: semanticLoss(generated, target, semantic),
      });
      const weights = { alpha: 0.5, beta: 2, gamma: 0.3 };
      return tf.addN([
        totalLoss(parts("pooled", "tokenwise"), weights),
        totalLoss(parts("broadcast", "pooled"), weights),
        tokenCalibrationLoss(tensor3d(p, "tokens"), tensor3d(p, "mean")),
      ]);
    });
  });
});
