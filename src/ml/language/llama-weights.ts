/** @file The frozen weights of a LLaMA-style decoder, by the names of Hugging Face's `LlamaForCausalLM`. */
import * as tf from "@tensorflow/tfjs";
import { AppError } from "../../errors/app-error.js";
import { type StoredTensor } from "../nn/safetensors.js";
import { type LlamaConfig } from "./llama-config.js";

/** The linear maps of a layer; what LoRA can adapt. */
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

/** One layer; every projection as `[inputs, outputs]`, the transpose of what the file has, so that products need no turn. */
export type LayerWeights = Readonly<Record<ProjectionName, tf.Tensor2D>> & {
  readonly inputNorm: tf.Tensor1D;
  readonly feedForwardNorm: tf.Tensor1D;
};

export interface LlamaWeights {
  /** `[V, D]`; outside the backend: rows are looked up there, which needs no kernel and no second copy. */
  readonly embeddings: Float32Array;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: tf.Tensor1D;
  /** `[D, V]`. */
  readonly outputMap: tf.Tensor2D;
}

/** Where in a layer a projection is: `self_attn.q_proj`, `mlp.up_proj`. */
export function projectionPath(layer: number, name: ProjectionName): string {
  const block = ["gate_proj", "up_proj", "down_proj"].includes(name) ? "mlp" : "self_attn";
  return `model.layers.${layer}.${block}.${name}`;
}

/** `[inputs, outputs]` of a projection. */
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
 * Puts the tensors of a file in place.
 *
 * @param path Of the file, for messages.
 * @throws AppError `FILE_MALFORMED` for a tensor that is absent or of another shape than the configuration says.
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

/** Every tensor of the weights, to be disposed of. */
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
    new AppError("FILE_MALFORMED", { path, expected: "the weights of its config.json", reason });
  if (!tensor) {
    throw malformed(`it has no tensor '${name}'`);
  }
  if (tensor.shape.join() !== shape.join() || !(tensor.values instanceof Float32Array)) {
    throw malformed(`'${name}' is [${tensor.shape}], but floats of [${shape}] are needed`);
  }
  return tensor.values;
}

/** `[R, C]` row by row -> a tensor `[C, R]`; turned here, since the backend's own transpose of a large matrix is slow. */
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
