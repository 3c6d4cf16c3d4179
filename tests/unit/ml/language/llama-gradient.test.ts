/** @jest-environment ./tests/helpers/float64-environment.js */
import * as tf from "@tensorflow/tfjs";
import { type LlamaConfig } from "../../../../src/ml/language/llama-config.js";
import { swiGlu } from "../../../../src/ml/language/llama-layers.js";
import {
  projectionNames,
  projectionPath,
  projectionShape,
} from "../../../../src/ml/language/llama-weights.js";
import { Llama } from "../../../../src/ml/language/llama.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { rmsNorm } from "../../../../src/ml/nn/rms-norm.js";
import { rotate, rotation } from "../../../../src/ml/nn/rope.js";
import { type StoredTensor } from "../../../../src/ml/nn/safetensors.js";
import { centralDifferences, relativeError } from "../../../helpers/gradient.js";

const H = 1e-5;
const LIMIT = 1e-6;

beforeAll(async () => {
  // TensorFlow.js asks Node whether an array is a Float32Array; here these are 64-bit arrays.
  tf.env().platform.isTypedArray = (array): array is Float32Array => ArrayBuffer.isView(array);
  await tf.setBackend("cpu");
});

/** The gradient of `f` in each of `inputs` against central differences. */
async function expectGradients(
  shapes: number[][],
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
): Promise<void> {
  const random = new Random(3);
  const arrays = shapes.map(shape => random.normals(shape.reduce((p, s) => p * s, 1)));
  const loss = (...inputs: tf.Tensor[]) => tf.sum(tf.sin(f(...inputs)));
  const evaluate = () =>
    tf.tidy(() => loss(...arrays.map((a, i) => tf.tensor(a, shapes[i]))).dataSync()[0]);
  const gradients = tf.grads(loss)(arrays.map((a, i) => tf.tensor(a.slice(), shapes[i])));
  for (const [i, array] of arrays.entries()) {
    const numerical = await centralDifferences(async () => evaluate(), array, H);
    expect(relativeError(gradients[i].dataSync(), numerical)).toBeLessThan(LIMIT);
  }
}

describe("explicit gradients", () => {
  it("of rmsNorm()", async () => {
    const weight = tf.tensor1d([0.5, -1, 2, 1.5]);
    await expectGradients([[3, 4]], x => rmsNorm(x, weight, 1e-5));
  });

  it("of rotate()", async () => {
    const turn = rotation([0, 1, 2, 0, 0, 1], [2, 3], 4, 100);
    await expectGradients([[2, 2, 3, 4]], x => rotate(x as tf.Tensor4D, turn));
  });

  it("of swiGlu()", async () => {
    await expectGradients(
      [
        [3, 5],
        [3, 5],
      ],
      (gate, up) => swiGlu(gate as tf.Tensor2D, up as tf.Tensor2D),
    );
  });
});

const config: LlamaConfig = {
  hiddenSize: 8,
  intermediateSize: 12,
  numLayers: 2,
  numHeads: 4,
  numKeyValueHeads: 2,
  headSize: 2,
  vocabSize: 11,
  maxPositions: 16,
  normEpsilon: 1e-5,
  ropeTheta: 100,
  hasTiedEmbeddings: true,
  endTokenIds: [],
};

function randomWeights(): Record<string, StoredTensor> {
  const random = new Random(1);
  const D = config.hiddenSize;
  const tensors: Record<string, StoredTensor> = {};
  const put = (name: string, shape: number[], scale: number, shift = 0) => {
    const values = random.normals(shape.reduce((p, s) => p * s, 1));
    tensors[`${name}.weight`] = { shape, values: values.map(x => shift + scale * x) };
  };
  put("model.embed_tokens", [config.vocabSize, D], 0.5);
  put("model.norm", [D], 0.2, 1);
  for (let layer = 0; layer < config.numLayers; layer++) {
    put(`model.layers.${layer}.input_layernorm`, [D], 0.2, 1);
    put(`model.layers.${layer}.post_attention_layernorm`, [D], 0.2, 1);
    for (const name of projectionNames) {
      const [inputs, outputs] = projectionShape(config, name);
      put(projectionPath(layer, name), [outputs, inputs], 0.4);
    }
  }
  return tensors;
}

describe("the gradient of Llama.hiddenStates()", () => {
  it("equals central differences in every adapter and image token", async () => {
    const model = Llama.create(config, randomWeights(), {
      lora: { loraRank: 2, alpha: 3, targets: projectionNames },
      numImageTokens: 2,
      seed: 9,
    });
    const random = new Random(2);
    for (const variable of Object.values(model.trainable)) {
      variable.assign(
        tf.tensor(
          random.normals(variable.size).map(x => 0.3 * x),
          variable.shape,
        ),
      );
    }
    const ids = tf.tensor2d([3, 7, 11, 12, 3, 0, 0, 5, 12, 11], [2, 5], "int32");
    const mask = tf.tensor2d([1, 1, 1, 1, 1, 0, 0, 1, 1, 1], [2, 5]);
    const weights = tf.tensor3d(random.normals(2 * 5 * 8), [2, 5, 8]);
    const used = tf.mul(weights, tf.expandDims(mask, 2));
    const loss = () => tf.sum(tf.mul(tf.sin(model.hiddenStates(ids, mask)), used)).asScalar();

    const { grads } = tf.variableGrads(loss, Object.values(model.trainable));
    expect(Object.keys(grads)).toHaveLength(2 * 7 * 2 + 1);
    for (const [name, variable] of Object.entries(model.trainable)) {
      const values = Float64Array.from(variable.dataSync());
      const evaluate = async () => {
        tf.tidy(() => variable.assign(tf.tensor(Float32Array.from(values), variable.shape)));
        return tf.tidy(() => loss().dataSync()[0]);
      };
      const numerical = await centralDifferences(evaluate, values, H);
      await evaluate(); // as it was
      const error = relativeError(grads[variable.name].dataSync(), numerical);
      expect({ name, isClose: error < LIMIT }).toEqual({ name, isClose: true });
    }
    model.dispose();
  });
});
