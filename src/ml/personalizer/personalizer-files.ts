/** @file The file of a personalizer: safetensors whose metadata hold its configuration and its lineage. */
import type * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { type NamedValues } from "../nn/parameters.js";
import { type PersonalizerConfig, personalizerConfigSchema } from "./personalizer-config.js";

export interface PersonalizerMetadata {
  config: PersonalizerConfig;
  /** How the weights were trained: data, seeds, versions. */
  lineage: Readonly<Record<string, unknown>>;
}

const jsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: "custom", message: "is not JSON" });
    return z.NEVER;
  }
});

const metadataSchema = z.looseObject({
  format: z.literal("vitrine-personalizer"),
  config: jsonText.pipe(personalizerConfigSchema),
  lineage: jsonText.pipe(z.record(z.string(), z.unknown())),
});

/** @throws AppError `FILE_MALFORMED`. */
export function readMetadata(
  metadata: Readonly<Record<string, string>>,
  path: string,
): PersonalizerMetadata {
  const result = metadataSchema.safeParse(metadata);
  if (!result.success) {
    const reason = z.prettifyError(result.error);
    throw new AppError("FILE_MALFORMED", { path, expected: "a personalizer", reason });
  }
  return result.data;
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
