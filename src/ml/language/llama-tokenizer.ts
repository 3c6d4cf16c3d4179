/** @file The tokenizer of a language model, from the `tokenizer.json` of a Hugging Face folder, without network access. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PreTrainedTokenizer } from "@huggingface/transformers";
import { z } from "zod";
import { AppError } from "../../errors/app-error.js";
import { parseJson } from "../../errors/parse-options.js";

export class LlamaTokenizer {
  /** Number of known tokens, including special ones. */
  readonly size: number;

  private constructor(private readonly tokenizer: PreTrainedTokenizer) {
    this.size = tokenizer.get_vocab().size;
  }

  /**
   * Reads `tokenizer.json` and `tokenizer_config.json`.
   *
   * @throws AppError `FILE_NOT_FOUND`, `FILE_MALFORMED`.
   */
  static async load(directory: string): Promise<LlamaTokenizer> {
    const json = await readObject(join(directory, "tokenizer.json"));
    const config = await readObject(join(directory, "tokenizer_config.json"));
    try {
      return new LlamaTokenizer(new PreTrainedTokenizer(json, config));
    } catch (error) {
      throw malformed(join(directory, "tokenizer.json"), String(error), error);
    }
  }

  /** Token ids of a text, with the start token where the tokenizer adds one. */
  encode(text: string): number[] {
    return this.tokenizer.encode(text);
  }

  /** The text of token ids, without special tokens and unknown ids such as image tokens. */
  decode(ids: readonly number[]): string {
    const known = ids.filter(id => id < this.size);
    return known.length === 0
      ? ""
      : this.tokenizer.decode(known, {
          skip_special_tokens: true,
          clean_up_tokenization_spaces: false,
        });
  }
}

async function readObject(path: string): Promise<object> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new AppError("FILE_NOT_FOUND", { path }) : error;
  });
  return parseJson(text, z.looseObject({}), reason => malformed(path, reason));
}

function malformed(path: string, reason: string, cause?: unknown): AppError {
  return new AppError("FILE_MALFORMED", { path, expected: "a tokenizer file", reason }, { cause });
}
