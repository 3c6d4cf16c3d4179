/** @file LLM_k (Eq. 6): one item's caption and text into the prompt p_k, and what the language model writes after it. */
import { type LlamaTokenizer } from "../language/llama-tokenizer.js";
import { type Llama } from "../language/llama.js";
import { type PromptTemplate } from "../language/prompt-template.js";

/** Room for about sixteen keywords. */
const MAX_TOKENS = 72;

export interface KeywordLlmParts {
  model: Pick<Llama, "config" | "generate">;
  tokenizer: LlamaTokenizer;
  /** `keywords.v1`; quotes and shortens what it is filled with. */
  prompt: PromptTemplate;
}

export class KeywordLlm {
  constructor(private readonly parts: KeywordLlmParts) {}

  /** The prompt's name and hash: part of what is known of the keywords. */
  get version(): string {
    const { name, sha256 } = this.parts.prompt;
    return `${name}-${sha256.slice(0, 8)}`;
  }

  /** The likeliest answer, as it comes: nothing of it may be trusted. The same item gives the same text. */
  async answer(
    { caption, text }: { caption: string; text: string },
    signal?: AbortSignal,
  ): Promise<string> {
    const { model, prompt, tokenizer } = this.parts;
    const ids = prompt.encode(tokenizer, { caption, text });
    return tokenizer.decode(await model.generate(ids, { maxTokens: MAX_TOKENS, signal }));
  }
}
