/** @file The language model of a pack, with one of its prompts. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../errors/app-error.js";
import { LlamaTokenizer } from "../ml/language/llama-tokenizer.js";
import { Llama, type LlamaOptions } from "../ml/language/llama.js";
import { type PromptName, PromptTemplate } from "../ml/language/prompt-template.js";
import type { ModelPack } from "../ml/runtime/model-pack.js";
import { loadTfjsBackend } from "../ml/runtime/tfjs-backend.js";

export interface Language {
  llm: Llama;
  tokenizer: LlamaTokenizer;
  prompt: PromptTemplate;
}

/** @throws AppError `LANGUAGE_MODEL_MISSING`, `FILE_NOT_FOUND`, `FILE_MALFORMED` */
export async function loadLanguage(
  pack: ModelPack,
  promptName: PromptName,
  options: LlamaOptions = {},
): Promise<Language> {
  const folder = join(pack.dir, "llm");
  if (!existsSync(folder)) {
    throw new AppError("LANGUAGE_MODEL_MISSING", { pack: pack.name });
  }
  await loadTfjsBackend();
  const [llm, tokenizer, prompt] = await Promise.all([
    Llama.load(folder, options),
    LlamaTokenizer.load(folder),
    PromptTemplate.load(promptName),
  ]);
  return { llm, tokenizer, prompt };
}
