/** @file A personalizer of a model pack: untrained, or from the folder of a version. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../errors/app-error.js";
import type { ModelPack } from "../ml/runtime/model-pack.js";
import type { PersonalizerModel } from "../recsys/generation/personalizer-model.js";

/** @throws AppError `LANGUAGE_MODEL_MISSING`, `INVALID_ARGUMENT` */
export async function createPersonalizer(
  pack: ModelPack,
  _config: Readonly<Record<string, unknown>>,
  _seed: number,
): Promise<PersonalizerModel> {
  throw missing(pack);
}

/** @throws AppError `LANGUAGE_MODEL_MISSING`, `FILE_NOT_FOUND`, `FILE_MALFORMED` */
export async function loadPersonalizer(
  pack: ModelPack,
  _directory: string,
): Promise<PersonalizerModel> {
  throw missing(pack);
}

function missing(pack: ModelPack): AppError {
  const hasModel = existsSync(join(pack.dir, "llm"));
  return new AppError("LANGUAGE_MODEL_MISSING", {
    pack: hasModel ? `${pack.name} (unread)` : pack.name,
  });
}
