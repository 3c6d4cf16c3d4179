/**
 * @file Keywords of an item from a language model (Eq. 6), or, where its answer is none, from the deterministic extractor, which
 * then is said.
 *
 * Captions and titles are a shop's input, and the answer to them may be anything: it is parsed, not believed.
 */
import { z } from "zod";
import { type DescribedItem, itemKeywords, KEYWORD_EXTRACTOR } from "./keywords.js";

/** "noto style with soft gradients" is a keyword, a sentence is none. */
const MAX_LETTERS = 40;
const MAX_WORDS = 6;
/** As many as the deterministic extractor gives. */
const MAX_KEYWORDS = 16;

const keywordSchema = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:[ '’-][\p{L}\p{N}][\p{L}\p{N}\p{M}]*)*$/u,
    "has more than words",
  )
  .regex(/\p{L}/u, "has no letter")
  .min(2)
  .max(MAX_LETTERS)
  .refine(keyword => keyword.split(" ").length <= MAX_WORDS, "is a sentence");

/** An answer: one line of keywords, comma between them; repeats count once. */
const answerSchema = z
  .string()
  .transform(answer => answer.normalize("NFKC").toLowerCase().trim())
  .refine(answer => !answer.includes("\n"), "has several lines")
  .transform(answer => [...new Set(answer.split(",").map(keyword => keyword.trim()))])
  .pipe(z.array(keywordSchema).min(1).max(MAX_KEYWORDS));

export interface KeywordModel {
  /** Of its prompt. */
  readonly version: string;
  answer(slots: { caption: string; text: string }, signal?: AbortSignal): Promise<string>;
}

export interface ExtractedKeywords {
  keywords: string[];
  /** What made them: the language model's version, or the deterministic extractor's. */
  extractor: string;
  /** Why the language model's answer was not used; null when it was, or when there is none. */
  fault: string | null;
}

/** The keywords in an answer, or what is wrong with it. */
export function parsedKeywords(answer: string): { keywords: string[] } | { fault: string } {
  const { data, error } = answerSchema.safeParse(answer);
  return data ? { keywords: data } : { fault: z.prettifyError(error).replace(/\s*\n\s*/g, " ") };
}

/** w_i. The shop's own keywords are kept before the model's. @param model Null: the pack has none. */
export async function extractedKeywords(
  item: DescribedItem,
  model: KeywordModel | null,
  signal?: AbortSignal,
): Promise<ExtractedKeywords> {
  const fallback = (fault: string | null): ExtractedKeywords => ({
    keywords: itemKeywords(item),
    extractor: KEYWORD_EXTRACTOR,
    fault,
  });
  if (!model) {
    return fallback(null);
  }
  const parsed = parsedKeywords(
    await model.answer({ caption: item.caption ?? "", text: item.title }, signal),
  );
  if ("fault" in parsed) {
    return fallback(parsed.fault);
  }
  const own = itemKeywords({ ...item, title: "", caption: null });
  const keywords = [...new Set([...own, ...parsed.keywords])].slice(0, MAX_KEYWORDS);
  return { keywords, extractor: model.version, fault: null };
}
