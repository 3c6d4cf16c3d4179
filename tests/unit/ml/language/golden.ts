/** @file The tiny models of pretrain/golden_language.py, with the results of transformers and peft. */
import { readFileSync } from "node:fs";

export const goldenDir = "tests/golden/language";

interface Reference {
  ids: number[];
  /** Of the last three tokens; `[3, V]`. */
  logits: number[];
  /** `[T, D]`. */
  hidden: number[];
  greedy: number[];
}

export const golden = JSON.parse(readFileSync(`${goldenDir}/golden.json`, "utf8")) as {
  texts: { text: string; ids: number[]; decoded: string }[];
  /** Of p_k with a caption and a text, or of p_g with keywords. */
  prompts: { caption?: string; text?: string; keywords: string[] | null; prompt: string }[];
  tied: Reference;
  untied: Reference;
  lora: {
    loraRank: number;
    alpha: number;
    targets: string[];
    /** Two sequences; `[2, T]`. */
    ids: number[][];
    mask: number[][];
    /** Of the first sequence, adapted; `[T, D]`. */
    hidden: number[];
    steps: Record<"sgd" | "adam", { loss: number; after: Record<string, number[]> }>;
  };
};
