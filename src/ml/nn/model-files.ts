/** @file A trained model as files in memory: what it is saved as and loaded from, wherever these are kept. */
import { AppError } from "../../errors/app-error.js";
import { decodeSafetensors, encodeSafetensors, type Safetensors } from "./safetensors.js";

/** Bytes by the name of their file, such as `config.json`. */
export type ModelFiles = Readonly<Record<string, Uint8Array>>;

const WEIGHTS_FILE = "weights.safetensors";
const CONFIG_FILE = "config.json";

/** What a model has learned, and what it is. */
export function encodeModel(weights: Safetensors, config: object): ModelFiles {
  return { [WEIGHTS_FILE]: encodeSafetensors(weights), [CONFIG_FILE]: encodeJson(config) };
}

/** @throws AppError FILE_NOT_FOUND; FILE_MALFORMED, also where a weight is not a finite number */
export function weightsOf(files: ModelFiles): Safetensors {
  const weights = decodeSafetensors(fileOf(files, WEIGHTS_FILE), WEIGHTS_FILE);
  for (const [name, { values }] of Object.entries(weights.tensors)) {
    if (!values.every(Number.isFinite)) {
      throw malformedWeights("finite numbers", `'${name}' has others`);
    }
  }
  return weights;
}

/** @throws AppError FILE_NOT_FOUND */
export function configTextOf(files: ModelFiles): string {
  return textOf(files, CONFIG_FILE);
}

/** The fault of a file that is not `expected`. */
export function malformedWeights(expected: string, reason: string): AppError {
  return new AppError("FILE_MALFORMED", { path: WEIGHTS_FILE, expected, reason });
}

export function malformedConfig(expected: string, reason: string): AppError {
  return new AppError("FILE_MALFORMED", { path: CONFIG_FILE, expected, reason });
}

/** @throws AppError FILE_NOT_FOUND */
export function fileOf(files: ModelFiles, name: string): Uint8Array {
  if (!Object.hasOwn(files, name)) {
    throw new AppError("FILE_NOT_FOUND", { path: name });
  }
  return files[name];
}

/** @throws AppError FILE_NOT_FOUND */
export function textOf(files: ModelFiles, name: string): string {
  return new TextDecoder().decode(fileOf(files, name));
}

export function encodeJson(content: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(content, null, 2)}\n`);
}
