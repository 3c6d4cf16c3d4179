/** @file LLM_k (Eq. 6): fills the prompt p_k with items' captions and texts and returns the language model's answers. */
import { type LlamaTokenizer } from "../language/llama-tokenizer.js";
import { type Llama } from "../language/llama.js";
import { type PromptTemplate } from "../language/prompt-template.js";

/** About sixteen keywords. */
const MAX_TOKENS = 72;

export interface KeywordLlmParts {
  llm: Pick<Llama, "generateMany">;
  tokenizer: LlamaTokenizer;
  /** `keywords.v1`; quotes and shortens its slots. */
  prompt: PromptTemplate;
}

export class KeywordLlm {
  constructor(private readonly parts: KeywordLlmParts) {}

  /** The likeliest answers, unvalidated and untrusted. Deterministic per item. */
  async answer(
    items: readonly { caption: string; text: string }[],
    signal?: AbortSignal,
  ): Promise<string[]> {
    const { llm, prompt, tokenizer } = this.parts;
    const prompts = items.map(item => prompt.encode(tokenizer, { ...item }));
    const answers = await llm.generateMany(prompts, { maxTokens: MAX_TOKENS, signal });
    return answers.map(ids => tokenizer.decode(ids));
  }
}
