/** @file The file of a personalizer: safetensors whose metadata hold its configuration and its lineage. */
import type * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { jsonText } from "../../errors/parse-options.js";
import { fileOf, type ModelFiles } from "../nn/model-files.js";
import { type NamedValues } from "../nn/parameters.js";
import { decodeSafetensors, encodeSafetensors } from "../nn/safetensors.js";
import {
  type PersonalizerConfig,
  personalizerConfigSchema,
  wholeModelFields,
} from "./personalizer-config.js";

export const PERSONALIZER_FILE = "personalizer.safetensors";

export interface StoredPersonalizer {
  config: PersonalizerConfig;
  tensors: NamedValues;
}

const metadataSchema = z.looseObject({
  format: z.literal("vitrine-personalizer"),
  config: jsonText
    .transform((stored): unknown => wholeModelFields(stored))
    .pipe(personalizerConfigSchema),
  lineage: jsonText.pipe(z.record(z.string(), z.unknown())),
});

/** @param lineage How the weights came to be: data, seeds, versions, whatever the trainer says. */
export function encodePersonalizer(
  { config, tensors }: StoredPersonalizer,
  lineage: Readonly<Record<string, unknown>>,
): ModelFiles {
  const metadata = {
    format: "vitrine-personalizer",
    config: JSON.stringify(config),
    lineage: JSON.stringify(lineage),
  };
  return { [PERSONALIZER_FILE]: encodeSafetensors({ tensors, metadata }) };
}

/** @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED`. */
export function decodePersonalizer(files: ModelFiles): StoredPersonalizer {
  const { metadata, tensors } = decodeSafetensors(
    fileOf(files, PERSONALIZER_FILE),
    PERSONALIZER_FILE,
  );
  const result = metadataSchema.safeParse(metadata);
  if (!result.success) {
    const reason = z.prettifyError(result.error);
    const expected = "a personalizer";
    throw new AppError("FILE_MALFORMED", { path: PERSONALIZER_FILE, expected, reason });
  }
  return { config: result.data.config, tensors };
}

export function storedValues(variables: Readonly<Record<string, tf.Variable>>): NamedValues {
  return Object.fromEntries(
    Object.entries(variables).map(([name, variable]) => [
      name,
      { shape: variable.shape, values: Float32Array.from(variable.dataSync()) },
    ]),
  );
}

/** @throws AppError `FILE_MALFORMED` for a tensor that is absent or of another shape than its variable. */
export function assertFits(
  variables: Readonly<Record<string, tf.Variable>>,
  stored: NamedValues,
  path: string,
): void {
  for (const [name, { shape }] of Object.entries(variables)) {
    const found = Object.hasOwn(stored, name) ? stored[name] : null;
    if (found?.shape.join() !== shape.join()) {
      const reason = `'${name}' is ${found ? `[${found.shape}]` : "absent"}, expected [${shape}]`;
      throw new AppError("FILE_MALFORMED", {
        path,
        expected: "a personalizer of this language model",
        reason,
      });
    }
  }
}
