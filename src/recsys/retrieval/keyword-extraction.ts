/**
 * @file Keywords of items from a language model (Eq. 6): each is asked for once and stored. Where the answer cannot be used,
 * the deterministic extractor gives the keywords, and retrieval says so.
 *
 * Captions and titles are a shop's input, and the answer to them may be anything: it is parsed and compared with the title.
 */
import { z } from "zod";
import type { NewKeywords, UnextractedItem } from "../../db/keywords.repository.js";
import { faultsOf } from "../../errors/parse-options.js";
import { type BatchRun, inBatches } from "./in-batches.js";
import { type DescribedItem, itemKeywords, KEYWORD_EXTRACTOR, MAX_OF_ITEM } from "./keywords.js";
import { wordsOf } from "./words.js";

/** Items of a batch: what a killed run loses, a few seconds of work. */
const BATCH = 64;
/** "noto style with soft gradients" is a keyword, a sentence is none. */
const MAX_LETTERS = 40;
const MAX_WORDS = 6;
/** More than this part of the title's words must be in the answer: a model that does not know the item writes of another. */
const MIN_TITLE_PART = 0.5;

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
  .pipe(z.array(keywordSchema).min(1).max(MAX_OF_ITEM));

export interface KeywordModel {
  /** Of the language model and of its prompt. */
  readonly version: string;
  /** Answers in the order of the items. */
  answer(
    items: readonly { caption: string; text: string }[],
    signal?: AbortSignal,
  ): Promise<string[]>;
}

type Parsed = Pick<NewKeywords, "fault" | "keywords">;

/** The keywords in an answer about an item of this title, or what is wrong with it. */
export function parsedKeywords(answer: string, title: string): Parsed {
  const { data, error } = answerSchema.safeParse(answer);
  if (!data) {
    return { keywords: [], fault: faultsOf(error) };
  }
  const titleWords = new Set(itemKeywords({ title, caption: null, keywords: [] }).flatMap(partsOf));
  const said = new Set(data.flatMap(partsOf));
  const numSaid = [...titleWords].filter(word => said.has(word)).length;
  return titleWords.size > 0 && numSaid <= MIN_TITLE_PART * titleWords.size
    ? { keywords: [], fault: "is not about the title" }
    : { keywords: data, fault: null };
}

/** "flat-vector style" -> flat, vector, style. */
function partsOf(keyword: string): string[] {
  return wordsOf(keyword).flatMap(word => word.split("-"));
}

/**
 * w_i: the shop's own keywords, then the language model's if it wrote any that can be used, else those of the deterministic
 * extractor.
 */
export function keywordsOf(item: DescribedItem): { keywords: string[]; extractor: string } {
  const { keywordModel, modelKeywords } = item;
  if (!modelKeywords || !keywordModel) {
    return { keywords: itemKeywords(item), extractor: KEYWORD_EXTRACTOR };
  }
  const own = itemKeywords({ ...item, title: "", caption: null });
  const keywords = [...new Set([...own, ...modelKeywords])].slice(0, MAX_OF_ITEM);
  return { keywords, extractor: keywordModel };
}

export interface KeywordReport {
  /** Versions of the language model and its prompt; null where the deterministic extractor gives all keywords. */
  keywordModel: string | null;
  /** Items that the language model was asked about by this run. */
  numKeywordsAsked: number;
  /** Items whose answer can be used, of all. */
  numKeywordsUsable: number;
  /** Items whose answer cannot be used: the deterministic extractor gives their keywords. */
  numKeywordsFaulty: number;
}

interface Dependencies {
  rows: {
    findUnextracted(
      extractor: string,
      page: { limit: number; afterId?: string },
    ): Promise<UnextractedItem[]>;
    countUnextracted(extractor: string): Promise<number>;
    saveMany(extractor: string, answers: readonly NewKeywords[]): Promise<void>;
    count(): Promise<{ numUsable: number; numFaulty: number }>;
    deleteAll(): Promise<void>;
  };
  /** The language model, without its weights until it is asked; null: the deterministic extractor gives all keywords. */
  model: KeywordModel | null;
}

/** Asks the language model about every item that it has not read as it is now. */
export class KeywordExtraction {
  constructor(private readonly deps: Dependencies) {}

  async run({
    rebuild = false,
    ...run
  }: BatchRun & { rebuild?: boolean } = {}): Promise<KeywordReport> {
    const { model, rows } = this.deps;
    if (rebuild || !model) {
      await rows.deleteAll();
    }
    const numKeywordsAsked = model ? await this.ask(model, run) : 0;
    const { numFaulty, numUsable } = await rows.count();
    return {
      keywordModel: model?.version ?? null,
      numKeywordsAsked,
      numKeywordsUsable: numUsable,
      numKeywordsFaulty: numFaulty,
    };
  }

  private async ask(model: KeywordModel, run: BatchRun): Promise<number> {
    const { rows } = this.deps;
    const { version } = model;
    return inBatches<UnextractedItem>({
      run,
      stage: "keywords",
      total: await rows.countUnextracted(version),
      find: afterId => rows.findUnextracted(version, { limit: BATCH, afterId }),
      work: async batch => {
        const answers = await model.answer(
          batch.map(({ caption, title }) => ({ caption, text: title })),
          run.signal,
        );
        const parsed = batch.map(({ itemId, sourceHash, title }, n): NewKeywords => {
          return { itemId, sourceHash, ...parsedKeywords(answers[n], title) };
        });
        await rows.saveMany(version, parsed);
        return batch.length;
      },
    });
  }
}
