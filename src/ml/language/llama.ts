/**
 * @file A frozen LLaMA-style decoder that reads Hugging Face's files, with trainable low-rank adapters and image tokens.
 *
 * It serves both of RAGAR's language models: LLM_k writes keywords ({@link Llama.generate}), LLM_g gives the hidden
 * states over `p_g(w', [IMG1..L])` (Eq. 7; {@link Llama.hiddenStates}). Image tokens: J. Y. Koh et al., "Generating
 * Images with Multimodal Language Models", NeurIPS 2023. https://arxiv.org/abs/2305.17216
 *
 * Shapes: B sequences, T tokens, D hidden size, V vocabulary, L image tokens.
 */
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs";
import { AppError } from "../../errors/app-error.js";
import { MASKED } from "../nn/attention.js";
import { createLoraFactors, defaultLoraConfig, type LoraConfig } from "../nn/lora.js";
import { Random } from "../nn/random.js";
import { rotation } from "../nn/rope.js";
import type { StoredTensor } from "../nn/safetensors.js";
import { csrMatrix, type Entry, sparseMatMul } from "../nn/sparse.js";
import { loadModelSafetensors } from "../runtime/safetensors-file.js";
import { type LlamaConfig, loadLlamaConfig } from "./llama-config.js";
import {
  causalBias,
  type KeysAndValues,
  type LayerFactors,
  paddingBias,
  runStack,
} from "./llama-layers.js";
import {
  createLlamaWeights,
  type LlamaWeights,
  type ProjectionName,
  projectionNames,
  projectionPath,
  projectionShape,
  weightTensors,
} from "./llama-weights.js";
import { sampledToken, type SamplingOptions } from "./sampling.js";

/** Names of the trainable variables, as in the Python library peft, which has none for the image tokens. */
const IMAGE_TOKENS = "base_model.model.model.embed_tokens.image_tokens.weight";
const adapterName = (path: string, factor: "lora_A" | "lora_B") =>
  `base_model.model.${path}.${factor}.weight`;

export interface LlamaOptions {
  /** Low-rank adapters to train. Default: none. */
  readonly lora?: Partial<LoraConfig>;
  /** L. Default: 0. */
  readonly numImageTokens?: number;
  /** Seed of the initial adapters and image tokens. Default: 0. */
  readonly seed?: number;
}

export interface GenerateOptions extends SamplingOptions {
  /** Maximum number of new tokens. Generation also ends at the model's last position. */
  readonly maxTokens: number;
  /** Default: 0. */
  readonly seed?: number;
  /** Tokens that end the text, not part of it. Default: the model's own. */
  readonly stopIds?: readonly number[];
  readonly signal?: AbortSignal;
}

export class Llama {
  /** Ids of [IMG1..L], which follow the vocabulary. */
  readonly imageTokenIds: readonly number[];
  /** All trainable variables: the adapters' factors and the image tokens' embeddings `[L, D]`, by peft's names. */
  readonly trainable: Readonly<Record<string, tf.Variable>>;

  private constructor(
    readonly config: LlamaConfig,
    private readonly weights: LlamaWeights,
    private readonly adapters: {
      readonly loraScaling: number;
      readonly factors: readonly LayerFactors[];
    },
    private readonly imageEmbeddings: tf.Variable<tf.Rank.R2> | null,
  ) {
    const numImageTokens = imageEmbeddings?.shape[0] ?? 0;
    this.imageTokenIds = Array.from({ length: numImageTokens }, (_, i) => config.vocabSize + i);
    const trainable: Record<string, tf.Variable> = {};
    adapters.factors.forEach((ofLayer, layer) => {
      for (const [name, { a, b }] of Object.entries(ofLayer)) {
        const path = projectionPath(layer, name as ProjectionName);
        trainable[adapterName(path, "lora_A")] = a;
        trainable[adapterName(path, "lora_B")] = b;
      }
    });
    if (imageEmbeddings) {
      trainable[IMAGE_TOKENS] = imageEmbeddings;
    }
    this.trainable = trainable;
  }

  /**
   * Reads `config.json` and `model.safetensors` (or `model.safetensors.index.json` and its parts; F32, F16, BF16).
   *
   * @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` for a damaged file, another architecture or weights that do not fit
   * the configuration; `INVALID_ARGUMENT` for an unknown LoRA target.
   */
  static async load(directory: string, options: LlamaOptions = {}): Promise<Llama> {
    const config = await loadLlamaConfig(directory);
    const { tensors } = await loadModelSafetensors(directory);
    return Llama.create(config, tensors, {
      ...options,
      path: join(directory, "model.safetensors"),
    });
  }

  /** Creates the model from tensors named as in `LlamaForCausalLM`; `path` is for messages. @throws as {@link load} does. */
  static create(
    config: LlamaConfig,
    tensors: Readonly<Record<string, StoredTensor>>,
    { lora, numImageTokens = 0, seed = 0, path = "weights" }: LlamaOptions & { path?: string } = {},
  ): Llama {
    const loraConfig = lora ? { ...defaultLoraConfig, ...lora } : null;
    const random = new Random(seed).fork("llama");
    const factors = createFactors(config, loraConfig, random.fork("lora"));
    const weights = createLlamaWeights(config, tensors, path);
    const images =
      numImageTokens > 0
        ? createImageEmbeddings(config, weights.embeddings, numImageTokens, random.fork("images"))
        : null;
    const loraScaling = loraConfig ? loraConfig.alpha / loraConfig.loraRank : 0;
    return new Llama(config, weights, { factors, loraScaling }, images);
  }

  /**
   * The hidden states after the final norm; `[B, T], [B, T] -> [B, T, D]`. Differentiable in {@link trainable} only.
   *
   * @param ids Tokens, including image tokens. @param mask 1 for a token, 0 for padding, left or right. The output at
   *   padding is undefined.
   */
  hiddenStates(ids: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor3D {
    if (ids.shape.join() !== mask.shape.join()) {
      throw new Error(`Llama.hiddenStates: expected a mask of [${ids.shape}], got [${mask.shape}]`);
    }
    const [B, T] = ids.shape;
    const maskValues = mask.dataSync();
    const positions = positionsOf(maskValues, [B, T]);
    return tf.tidy(() => {
      const { hidden } = runStack(this.stack(), {
        embedded: this.embed(ids.dataSync(), [B, T]),
        rotation: this.rotationOf(positions, [B, T]),
        bias: causalBias(maskValues, [B, T], MASKED),
      });
      return hidden;
    });
  }

  /** Logits over the vocabulary without image tokens; `[B, T, D] -> [B, T, V]`. */
  logits(hidden: tf.Tensor3D): tf.Tensor3D {
    const [B, T, D] = hidden.shape;
    return tf.tidy(() => {
      const rows = tf.matMul(tf.reshape<tf.Rank.R2>(hidden, [B * T, D]), this.weights.outputMap);
      return tf.reshape(rows, [B, T, this.config.vocabSize]);
    });
  }

  /**
   * Generates tokens after the prompt with a key-value cache. Greedy; with a temperature, sampled reproducibly from the
   * seed.
   *
   * @throws the signal's reason between two tokens.
   */
  async generate(promptIds: readonly number[], options: GenerateOptions): Promise<number[]> {
    const [tokens] = await this.generateMany([promptIds], options);
    return tokens;
  }

  /** {@link generate} for several prompts in one batch: a small model spends most of its time on calls of kernels. */
  async generateMany(
    prompts: readonly (readonly number[])[],
    options: GenerateOptions,
  ): Promise<number[][]> {
    const { maxTokens, seed = 0, stopIds = this.config.endTokenIds, signal } = options;
    const { maxPositions } = this.config;
    const unfit = prompts.find(({ length }) => length === 0 || length > maxPositions);
    if (unfit) {
      throw new Error(`Llama.generate: expected 1 to ${maxPositions} tokens, got ${unfit.length}`);
    }
    const T = Math.max(0, ...prompts.map(({ length }) => length));
    const rows = prompts.map(ids => ({
      mask: Array.from({ length: T }, (_, t) => (t < T - ids.length ? 0 : 1)),
      next: [...new Array<number>(T - ids.length).fill(0), ...ids], // padding is on the left
      random: new Random(seed).fork("generate"),
      result: [] as number[],
      room: Math.min(maxTokens, maxPositions - ids.length),
    }));
    const unfinished = new Set(rows.filter(({ room }) => room > 0));
    let past: KeysAndValues[] | undefined;
    try {
      while (unfinished.size > 0) {
        signal?.throwIfAborted();
        const step = this.advance(rows, past);
        past = step.present;
        rows.forEach((row, b) => {
          const logits = step.logits.subarray(
            b * this.config.vocabSize,
            (b + 1) * this.config.vocabSize,
          );
          const token = unfinished.has(row) ? sampledToken(logits, options, row.random) : 0;
          row.next = [token];
          row.mask.push(1);
          if (stopIds.includes(token)) {
            unfinished.delete(row);
          } else if (unfinished.has(row) && row.result.push(token) === row.room) {
            unfinished.delete(row);
          }
        });
        await setImmediate(); // lets the event loop run and the signal arrive
      }
    } finally {
      tf.dispose(past as unknown as tf.TensorContainer);
    }
    return rows.map(({ result }) => result);
  }

  dispose(): void {
    tf.dispose([...weightTensors(this.weights), ...Object.values(this.trainable)]);
  }

  /** The logits after the last token of each row, `[B, V]`, and all keys and values; disposes of `past`. */
  private advance(
    rows: readonly { next: readonly number[]; mask: readonly number[] }[],
    past: readonly KeysAndValues[] | undefined,
  ): { logits: Float32Array; present: KeysAndValues[] } {
    const B = rows.length;
    const T = rows[0].next.length;
    const mask = rows.flatMap(row => row.mask);
    const S = mask.length / B;
    const positions = positionsOf(mask, [B, S]);
    const { last, present } = tf.tidy(() => {
      const { hidden, present: kept } = runStack(this.stack(), {
        embedded: this.embed(
          rows.flatMap(({ next }) => next),
          [B, T],
        ),
        rotation: this.rotationOf(
          positions.filter((_, n) => n % S >= S - T),
          [B, T],
        ),
        // The prompts are the only step of several tokens, and nothing comes before it.
        bias: T > 1 ? causalBias(mask, [B, T], MASKED) : paddingBias(mask, [B, S], MASKED),
        past,
      });
      const final = tf.slice(hidden, [0, T - 1, 0], [B, 1, this.config.hiddenSize]);
      return { last: this.logits(final), present: kept } as unknown as tf.TensorContainerObject;
    }) as unknown as { last: tf.Tensor3D; present: KeysAndValues[] };
    tf.dispose(past as unknown as tf.TensorContainer);
    const logits = last.dataSync<"float32">();
    last.dispose();
    return { logits, present };
  }

  private stack() {
    const { config, weights } = this;
    return { config, weights, ...this.adapters };
  }

  private rotationOf(positions: ArrayLike<number>, shape: readonly [number, number]) {
    return rotation(positions, shape, this.config.headSize, this.config.ropeTheta);
  }

  /** The tokens' embeddings; `[B, T, D]`. Only image tokens receive a gradient. */
  private embed(ids: ArrayLike<number>, [B, T]: readonly [B: number, T: number]): tf.Tensor3D {
    const { hiddenSize: D, vocabSize: V } = this.config;
    const numImageTokens = this.imageTokenIds.length;
    const rows = new Float32Array(B * T * D);
    const imagePlaces: Entry[] = [];
    for (let t = 0; t < B * T; t++) {
      const id = ids[t];
      if (!(id >= 0 && id < V + numImageTokens)) {
        throw new Error(`Llama: expected token ids below ${V + numImageTokens}, got ${id}`);
      }
      if (id < V) {
        rows.set(this.weights.embeddings.subarray(id * D, (id + 1) * D), t * D);
      } else {
        imagePlaces.push([t, id - V, 1]);
      }
    }
    const words = tf.tensor2d(rows, [B * T, D]);
    const embedded =
      this.imageEmbeddings && imagePlaces.length > 0
        ? tf.add(
            words,
            sparseMatMul(csrMatrix(imagePlaces, [B * T, numImageTokens]), this.imageEmbeddings),
          )
        : words;
    return tf.reshape(embedded, [B, T, D]);
  }
}

/** The place of each token in its row without padding; `[B, T]`. */
function positionsOf(mask: ArrayLike<number>, [B, T]: readonly [number, number]): Int32Array {
  const positions = new Int32Array(B * T);
  for (let b = 0; b < B; b++) {
    for (let t = 1; t < T; t++) {
      const at = b * T + t;
      positions[at] = positions[at - 1] + (mask[at - 1] === 0 ? 0 : 1);
    }
  }
  return positions;
}

function createFactors(
  config: LlamaConfig,
  lora: LoraConfig | null,
  random: Random,
): LayerFactors[] {
  const targets = lora?.targets ?? [];
  const unknown = targets.find(name => !projectionNames.includes(name as ProjectionName));
  if (unknown !== undefined) {
    throw new AppError("INVALID_ARGUMENT", {
      argument: "lora.targets",
      problem: `has '${unknown}'; ${projectionNames.join(", ")} are known`,
    });
  }
  return Array.from({ length: config.numLayers }, (_, layer) =>
    Object.fromEntries(
      (targets as ProjectionName[]).map(name => [
        name,
        createLoraFactors(
          projectionShape(config, name),
          lora!.loraRank,
          random.fork(projectionPath(layer, name)),
        ),
      ]),
    ),
  );
}

/** Normal with the standard deviation of the vocabulary's embeddings, so that they start like words. */
function createImageEmbeddings(
  { hiddenSize: D }: LlamaConfig,
  embeddings: Float32Array,
  numImageTokens: number,
  random: Random,
): tf.Variable<tf.Rank.R2> {
  const meanSquare = embeddings.reduce((sum, x) => sum + x * x, 0) / embeddings.length;
  const values = random.normals(numImageTokens * D).map(x => x * Math.sqrt(meanSquare));
  return tf.tidy(() => tf.variable(tf.tensor2d(values, [numImageTokens, D])));
}
