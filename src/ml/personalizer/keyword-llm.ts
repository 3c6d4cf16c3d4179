/** @file LLM_k (Eq. 6): fills the prompt p_k with one item's caption and text and returns the language model's answer. */
import { type LlamaTokenizer } from "../language/llama-tokenizer.js";
import { type Llama } from "../language/llama.js";
import { type PromptTemplate } from "../language/prompt-template.js";

/** About sixteen keywords. */
const MAX_TOKENS = 72;

export interface KeywordLlmParts {
  model: Pick<Llama, "config" | "generate">;
  tokenizer: LlamaTokenizer;
  /** `keywords.v1`; quotes and shortens its slots. */
  prompt: PromptTemplate;
}

export class KeywordLlm {
  constructor(private readonly parts: KeywordLlmParts) {}

  /** The prompt's name and hash, stored with the keywords. */
  get version(): string {
    const { name, sha256 } = this.parts.prompt;
    return `${name}-${sha256.slice(0, 8)}`;
  }

  /** The likeliest answer, unvalidated and untrusted. Deterministic per item. */
  async answer(
    { caption, text }: { caption: string; text: string },
    signal?: AbortSignal,
  ): Promise<string> {
    const { model, prompt, tokenizer } = this.parts;
    const ids = prompt.encode(tokenizer, { caption, text });
    return tokenizer.decode(await model.generate(ids, { maxTokens: MAX_TOKENS, signal }));
  }
}
