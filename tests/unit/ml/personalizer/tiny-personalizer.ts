/** @file A personalizer of real classes at test size: a decoder of two layers, conditions of 8 numbers. */
import { type LlamaConfig } from "../../../../src/ml/language/llama-config.js";
import {
  projectionNames,
  projectionPath,
  projectionShape,
} from "../../../../src/ml/language/llama-weights.js";
import { Llama } from "../../../../src/ml/language/llama.js";
import { matrix } from "../../../../src/ml/nn/matrix.js";
import { Random } from "../../../../src/ml/nn/random.js";
import { type StoredTensor } from "../../../../src/ml/nn/safetensors.js";
import {
  defaultPersonalizerConfig,
  type PersonalizerConfig,
} from "../../../../src/ml/personalizer/personalizer-config.js";
import { type PersonalizerInput } from "../../../../src/ml/personalizer/personalizer-input.js";

const llamaConfig: LlamaConfig = {
  hiddenSize: 8,
  intermediateSize: 12,
  numLayers: 2,
  numHeads: 2,
  numKeyValueHeads: 1,
  headSize: 4,
  vocabSize: 11,
  maxPositions: 16,
  normEpsilon: 1e-5,
  ropeTheta: 100,
  hasTiedEmbeddings: true,
  endTokenIds: [],
};

export const tinyConfig: PersonalizerConfig = {
  ...defaultPersonalizerConfig,
  conditionSize: 8,
  embeddingSize: 6,
  numPreferenceTokens: 2,
  numImageTokens: 2,
  mapper: { width: 8, numLayers: 1, numHeads: 2, feedForwardSize: 12 },
};

export function tinyLlama(seed = 1): Llama {
  const random = new Random(seed).fork("weights");
  const tensor = (...shape: number[]): StoredTensor => ({
    shape,
    values: random.normals(shape.reduce((p, s) => p * s, 1)).map(x => 0.4 * x),
  });
  const ones: StoredTensor = { shape: [8], values: new Float32Array(8).fill(1) };
  const tensors: Record<string, StoredTensor> = {
    "model.embed_tokens.weight": tensor(llamaConfig.vocabSize, llamaConfig.hiddenSize),
    "model.norm.weight": ones,
  };
  for (let layer = 0; layer < llamaConfig.numLayers; layer++) {
    tensors[`model.layers.${layer}.input_layernorm.weight`] = ones;
    tensors[`model.layers.${layer}.post_attention_layernorm.weight`] = ones;
    for (const name of projectionNames) {
      const [inputs, outputs] = projectionShape(llamaConfig, name);
      tensors[`${projectionPath(layer, name)}.weight`] = tensor(outputs, inputs);
    }
  }
  return Llama.create(llamaConfig, tensors, {
    lora: { loraRank: 2, alpha: 4, targets: ["q_proj", "v_proj"] },
    numImageTokens: tinyConfig.numImageTokens,
    seed,
  });
}

/** A pair with a prompt of `length` words. */
export function tinyInput(seed: number, length = 3): PersonalizerInput {
  const random = new Random(seed).fork("input");
  const { conditionSize: D, embeddingSize: E, numPreferenceTokens: Q } = tinyConfig;
  return {
    llmIds: [...Array.from({ length }, () => random.int(llamaConfig.vocabSize)), 11, 12],
    keyStates: matrix([3, D], random.normals(3 * D)),
    retrieved: random.normals(E),
    semantic: random.normals(E),
    imageTokens: matrix([Q, D], random.normals(Q * D)),
  };
}
