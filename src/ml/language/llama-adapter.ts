/** @file The trained parameters of a language model, in files that the Python library peft reads and writes. */
import type * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { type LoraConfig } from "../nn/lora.js";
import { encodeJson, fileOf, type ModelFiles, textOf } from "../nn/model-files.js";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../nn/safetensors.js";

/** Name of the image tokens' embeddings. peft has no equivalent, so they have a file of their own. */
export const IMAGE_TOKENS = "base_model.model.model.embed_tokens.image_tokens.weight";

const ADAPTER_FILE = "adapter_model.safetensors";
const IMAGE_TOKENS_FILE = "image_tokens.safetensors";
const CONFIG_FILE = "adapter_config.json";

/** Fields of peft's `LoraConfig` that describe where the adapter was trained, not what it computes. */
const ignoredFields = new Set([
  "auto_mapping",
  "base_model_name_or_path",
  "exclude_modules",
  "inference_mode",
  "layers_pattern", // of `layers_to_transform`
  "lora_dropout",
  "megatron_core", // of `megatron_config`
  "peft_version",
  "qalora_group_size", // of `use_qalora`
  "revision",
  "target_modules", // target modules are read from the tensors' names
  "task_type",
]);

/** Initializations that leave the frozen weights unchanged; the others adapt a modified base model. */
const plainBeginnings = [true, false, "gaussian", "eva", "orthogonal"];

/** peft's `adapter_config.json`: every unsupported field must have a neutral value. */
const fieldsSchema = z.looseObject({
  peft_type: z.literal("LORA"),
  r: z.number().int().positive(),
  lora_alpha: z.number(),
  use_rslora: z
    .boolean()
    .nullish()
    .transform(value => value ?? false),
  bias: z.literal("none").nullish(),
  init_lora_weights: z.literal(plainBeginnings).nullish(),
});

const configSchema = fieldsSchema.superRefine((fields, context) => {
  for (const [field, value] of Object.entries(fields)) {
    const isRead = Object.hasOwn(fieldsSchema.shape, field) || ignoredFields.has(field);
    if (!isRead && !isNothing(value)) {
      const message = `${JSON.stringify(value)} is not supported`;
      context.addIssue({ code: "custom", path: [field], message });
    }
  }
});

/** True for the values that peft writes for an unused field. */
function isNothing(value: unknown): boolean {
  const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return value === null || value === false || isEmpty;
}

/** peft's name of one LoRA factor of the map at `path` (`model.layers.0.self_attn.q_proj`). */
export function adapterName(path: string, factor: "lora_A" | "lora_B"): string {
  return `base_model.model.${path}.${factor}.weight`;
}

export function encodeAdapter(
  trainable: Readonly<Record<string, tf.Variable>>,
  lora: LoraConfig | null,
): ModelFiles {
  const files: Record<string, Uint8Array> = {};
  for (const [file, names] of filesOf(trainable)) {
    const tensors = Object.fromEntries(
      names.map((name): [string, StoredTensor] => {
        const { shape } = trainable[name];
        return [name, { shape, values: trainable[name].dataSync<"float32">() }];
      }),
    );
    files[file] = encodeSafetensors({ tensors, metadata: { format: "pt" } });
  }
  if (lora) {
    files[CONFIG_FILE] = encodeJson({
      peft_type: "LORA",
      task_type: "CAUSAL_LM",
      base_model_name_or_path: null,
      bias: "none",
      inference_mode: true,
      lora_alpha: lora.alpha,
      lora_dropout: 0,
      r: lora.loraRank,
      target_modules: [...lora.targets],
      use_rslora: lora.isRankStabilized,
    });
  }
  return files;
}

/** Decodes the tensors, checks them against the variables, and returns them with the adapter's scaling. */
export function decodeAdapter(
  files: ModelFiles,
  trainable: Readonly<Record<string, tf.Variable>>,
  lora: LoraConfig | null,
): { tensors: Record<string, StoredTensor>; isRankStabilized: boolean } {
  const isRankStabilized = lora
    ? checkedConfig(textOf(files, CONFIG_FILE), lora).use_rslora
    : false;
  const result: Record<string, StoredTensor> = {};
  for (const [path, names] of filesOf(trainable)) {
    const { tensors } = decodeSafetensors(fileOf(files, path), path);
    const malformed = (reason: string) =>
      new AppError("FILE_MALFORMED", { path, expected: "an adapter of this model", reason });
    const strange = Object.keys(tensors).find(name => !names.includes(name));
    if (strange !== undefined) {
      throw malformed(`'${strange}' is not a trainable tensor of this model`);
    }
    for (const name of names) {
      const stored = Object.hasOwn(tensors, name) ? tensors[name] : null;
      if (stored?.shape.join() !== trainable[name].shape.join()) {
        throw malformed(
          `'${name}' is ${stored ? `[${stored.shape}]` : "absent"}, expected [${trainable[name].shape}]`,
        );
      }
      result[name] = stored!;
    }
  }
  return { tensors: result, isRankStabilized };
}

/** The variables of each file; files without variables are left out. */
function filesOf(trainable: Readonly<Record<string, unknown>>): [file: string, names: string[]][] {
  const names = Object.keys(trainable);
  const files: [string, string[]][] = [
    [ADAPTER_FILE, names.filter(name => name !== IMAGE_TOKENS)],
    [IMAGE_TOKENS_FILE, names.filter(name => name === IMAGE_TOKENS)],
  ];
  return files.filter(([, ofFile]) => ofFile.length > 0);
}

function checkedConfig(
  text: string,
  { alpha, loraRank }: LoraConfig,
): z.infer<typeof configSchema> {
  const expected = "the adapter_config.json of LoRA";
  const malformed = (reason: string) =>
    new AppError("FILE_MALFORMED", { path: CONFIG_FILE, expected, reason });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw malformed("it is not JSON");
  }
  const result = configSchema.safeParse(json);
  if (!result.success) {
    throw malformed(z.prettifyError(result.error));
  }
  const { r, lora_alpha: storedAlpha } = result.data;
  if (r !== loraRank || storedAlpha !== alpha) {
    throw malformed(
      `it has rank ${r} and alpha ${storedAlpha}, but ${loraRank} and ${alpha} are configured`,
    );
  }
  return result.data;
}
