/** @file The frozen weights of a LLaMA-style decoder, by the names of Hugging Face's `LlamaForCausalLM`. */
import * as tf from "@tensorflow/tfjs";
import { AppError } from "../../errors/app-error.js";
import { type StoredTensor } from "../nn/safetensors.js";
import { type LlamaConfig } from "./llama-config.js";

/** The linear maps of a layer that LoRA can adapt. */
export const projectionNames = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
] as const;

export type ProjectionName = (typeof projectionNames)[number];

/**
 * Weights of one layer; every projection as `[inputs, outputs]`, the transpose of the file's, so that products need no
 * transpose.
 */
export type LayerWeights = Readonly<Record<ProjectionName, tf.Tensor2D>> & {
  readonly inputNorm: tf.Tensor1D;
  readonly feedForwardNorm: tf.Tensor1D;
};

export interface LlamaWeights {
  /** `[V, D]`; outside the backend, where rows are looked up without a kernel or a second copy. */
  readonly embeddings: Float32Array;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: tf.Tensor1D;
  /** `[D, V]`. */
  readonly outputMap: tf.Tensor2D;
}

/** Path of a projection within the model: `self_attn.q_proj`, `mlp.up_proj`. */
export function projectionPath(layer: number, name: ProjectionName): string {
  const block = ["gate_proj", "up_proj", "down_proj"].includes(name) ? "mlp" : "self_attn";
  return `model.layers.${layer}.${block}.${name}`;
}

export function projectionShape(
  { hiddenSize: D, intermediateSize, numHeads, numKeyValueHeads, headSize }: LlamaConfig,
  name: ProjectionName,
): [inputs: number, outputs: number] {
  switch (name) {
    case "q_proj":
      return [D, numHeads * headSize];
    case "k_proj":
    case "v_proj":
      return [D, numKeyValueHeads * headSize];
    case "o_proj":
      return [numHeads * headSize, D];
    case "gate_proj":
    case "up_proj":
      return [D, intermediateSize];
    case "down_proj":
      return [intermediateSize, D];
  }
}

/**
 * Creates the weights from a file's tensors.
 *
 * @param path The file, for messages.
 * @throws AppError `FILE_MALFORMED` for a tensor that is absent or has another shape than configured.
 */
export function createLlamaWeights(
  config: LlamaConfig,
  tensors: Readonly<Record<string, StoredTensor>>,
  path: string,
): LlamaWeights {
  const { hiddenSize: D, vocabSize: V } = config;
  const valuesOf = (name: string, shape: readonly number[]) =>
    floatValues(tensors, name, shape, path);
  const norm = (name: string) => tf.tensor1d(valuesOf(`${name}.weight`, [D]));
  return tf.tidy(() => {
    const embeddings = valuesOf("model.embed_tokens.weight", [V, D]);
    const layers = Array.from({ length: config.numLayers }, (_, layer): LayerWeights => {
      const projections = projectionNames.map(name => {
        const [inputs, outputs] = projectionShape(config, name);
        const values = valuesOf(`${projectionPath(layer, name)}.weight`, [outputs, inputs]);
        return [name, turned(values, outputs, inputs)] as const;
      });
      return {
        ...(Object.fromEntries(projections) as Record<ProjectionName, tf.Tensor2D>),
        inputNorm: norm(`model.layers.${layer}.input_layernorm`),
        feedForwardNorm: norm(`model.layers.${layer}.post_attention_layernorm`),
      };
    });
    const output = config.hasTiedEmbeddings ? embeddings : valuesOf("lm_head.weight", [V, D]);
    const weights = {
      layers,
      finalNorm: norm("model.norm"),
      outputMap: turned(output, V, D),
    };
    return { ...weights, embeddings };
  });
}

/** Every tensor of the weights, for disposal. */
export function weightTensors({ layers, finalNorm, outputMap }: LlamaWeights): tf.Tensor[] {
  return [...layers.flatMap(layer => Object.values(layer) as tf.Tensor[]), finalNorm, outputMap];
}

function floatValues(
  tensors: Readonly<Record<string, StoredTensor>>,
  name: string,
  shape: readonly number[],
  path: string,
): Float32Array {
  const tensor = Object.hasOwn(tensors, name) ? tensors[name] : null;
  const malformed = (reason: string) =>
    new AppError("FILE_MALFORMED", { path, expected: "weights that match config.json", reason });
  if (!tensor) {
    throw malformed(`it has no tensor '${name}'`);
  }
  if (tensor.shape.join() !== shape.join() || !(tensor.values instanceof Float32Array)) {
    throw malformed(`'${name}' is [${tensor.shape}], expected floats of [${shape}]`);
  }
  return tensor.values;
}

/** Row-major `[R, C]` -> a tensor `[C, R]`; the backend's transpose of a large matrix is slow. */
function turned(values: Float32Array, R: number, C: number): tf.Tensor2D {
  const block = 16;
  const result = new Float32Array(values.length);
  for (let r0 = 0; r0 < R; r0 += block) {
    const r1 = Math.min(R, r0 + block);
    for (let c = 0; c < C; c++) {
      for (let r = r0; r < r1; r++) {
        result[c * R + r] = values[r * C + c];
      }
    }
  }
  return tf.tensor2d(result, [C, R]);
}
