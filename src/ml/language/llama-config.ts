/** @file The configuration of a LLaMA-style decoder, from Hugging Face's `config.json`. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { parseJson } from "../../errors/parse-options.js";

export interface LlamaConfig {
  /** D, the width of the hidden states. */
  readonly hiddenSize: number;
  /** Width of the feed-forward block. */
  readonly intermediateSize: number;
  readonly numLayers: number;
  /** H. */
  readonly numHeads: number;
  /** G; below H where groups of heads share keys and values. */
  readonly numKeyValueHeads: number;
  /** d. */
  readonly headSize: number;
  /** V, without image tokens. */
  readonly vocabSize: number;
  /** Longest sequence the model was trained on, in tokens. */
  readonly maxPositions: number;
  /** ε of the RMS norms. */
  readonly normEpsilon: number;
  /** θ of the rotary position embedding. */
  readonly ropeTheta: number;
  /** True when the output map is the embedding table. */
  readonly hasTiedEmbeddings: boolean;
  /** Tokens that end a text; none in some base models. */
  readonly endTokenIds: readonly number[];
}

const size = z.number().int().positive();
const rope = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  partial_rotary_factor: z.literal(1).nullish(),
});

const fileSchema = z.looseObject({
  model_type: z.literal("llama"),
  hidden_act: z.literal("silu").default("silu"),
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  vocab_size: size,
  max_position_embeddings: size.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  /** transformers 4; version 5 puts it in `rope_parameters`. */
  rope_theta: z.number().positive().optional(),
  rope_parameters: rope.nullish(),
  rope_scaling: rope.nullish(),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.literal(false).default(false),
  mlp_bias: z.literal(false).default(false),
  quantization_config: z.null("is not supported").optional(),
  partial_rotary_factor: z.literal(1).nullish(),
  eos_token_id: z.union([z.number().int(), z.array(z.number().int())]).nullish(),
});

/**
 * Reads `config.json` of a folder.
 *
 * @throws AppError `FILE_NOT_FOUND`; `FILE_MALFORMED` with every fault, including unsupported features: another
 *   architecture, biases, another activation, scaled positions.
 */
export async function loadLlamaConfig(directory: string): Promise<LlamaConfig> {
  const path = join(directory, "config.json");
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new AppError("FILE_NOT_FOUND", { path }) : error;
  });
  const malformed = (reason: string) =>
    new AppError("FILE_MALFORMED", { path, expected: "the config.json of a LLaMA model", reason });
  const file = parseJson(text, fileSchema, malformed);
  for (const scaling of [file.rope_scaling, file.rope_parameters]) {
    const ropeType = scaling?.rope_type ?? scaling?.type ?? "default";
    if (ropeType !== "default") {
      throw malformed(`positions scaled by '${ropeType}' are not supported`);
    }
  }
  const config: LlamaConfig = {
    hiddenSize: file.hidden_size,
    intermediateSize: file.intermediate_size,
    numLayers: file.num_hidden_layers,
    numHeads: file.num_attention_heads,
    numKeyValueHeads: file.num_key_value_heads ?? file.num_attention_heads,
    headSize: file.head_dim ?? file.hidden_size / file.num_attention_heads,
    vocabSize: file.vocab_size,
    maxPositions: file.max_position_embeddings,
    normEpsilon: file.rms_norm_eps,
    ropeTheta: file.rope_parameters?.rope_theta ?? file.rope_theta ?? 10_000,
    hasTiedEmbeddings: file.tie_word_embeddings,
    endTokenIds: [file.eos_token_id ?? []].flat(),
  };
  if (config.headSize % 2 !== 0) {
    throw malformed(`heads of odd size ${config.headSize} cannot be rotated in pairs`);
  }
  if (config.numHeads % config.numKeyValueHeads !== 0) {
    throw malformed(
      `${config.numHeads} heads cannot share ${config.numKeyValueHeads} heads of keys and values`,
    );
  }
  return config;
}
