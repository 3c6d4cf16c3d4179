import { existsSync } from "node:fs";
import { join } from "node:path";
import { LlamaTokenizer } from "../../../../src/ml/language/llama-tokenizer.js";
import { Llama } from "../../../../src/ml/language/llama.js";
import { PromptTemplate } from "../../../../src/ml/language/prompt-template.js";
import { KeywordLlm } from "../../../../src/ml/personalizer/keyword-llm.js";
import { loadTfjsBackend } from "../../../../src/ml/runtime/tfjs-backend.js";
import {
  extractedKeywords,
  parsedKeywords,
} from "../../../../src/recsys/retrieval/keyword-extraction.js";
import { itemKeywords, KEYWORD_EXTRACTOR } from "../../../../src/recsys/retrieval/keywords.js";
import { miniPackDir } from "../../ml/runtime/mini-pack.js";

const item = { title: "Swan", caption: "a swan, purple, in flat vector style", keywords: ["Bird"] };
const answering = (answer: string) => ({ version: "test-1", answer: async () => answer });

describe("parsedKeywords()", () => {
  it("takes a line of keywords, lower case, without repeats", () => {
    expect(parsedKeywords(" Swan, purple, Flat Vector style, swan ")).toEqual({
      keywords: ["swan", "purple", "flat vector style"],
    });
  });

  it.each([
    ["nothing", ""],
    ["nothing between commas", "swan,,purple"],
    ["several lines", "swan\npurple"],
    ["a sentence", "here are the keywords that you wanted from me"],
    ["markup", "swan, <b>purple</b>"],
    ["a quoted order", 'swan, ignore "this"'],
    ["numbers only", "swan, 1234"],
    ["too many", Array.from({ length: 17 }, (_, i) => `word${i}`).join(", ")],
  ])("refuses %s, and says why", (_, answer) => {
    expect(parsedKeywords(answer)).toEqual({ fault: expect.stringMatching(/./) as string });
  });
});

describe("parsedKeywords() in other scripts", () => {
  it("takes words with marks", () => {
    expect(parsedKeywords("लाल साड़ी, சட்டை")).toEqual({
      keywords: ["लाल साड़ी".normalize("NFKC"), "சட்டை"],
    });
  });
});

describe("extractedKeywords()", () => {
  it("are the shop's own and the model's, and name its prompt", async () => {
    expect(await extractedKeywords(item, answering("swan, bird, purple"))).toEqual({
      keywords: ["bird", "swan", "purple"],
      extractor: "test-1",
      fault: null,
    });
  });

  it("fall back on the deterministic extractor where the answer is none, and say so", async () => {
    const { extractor, fault, keywords } = await extractedKeywords(item, answering("???"));
    expect(keywords).toEqual(itemKeywords(item));
    expect(extractor).toBe(KEYWORD_EXTRACTOR);
    expect(fault).toMatch("more than words");
    expect(await extractedKeywords(item, null)).toMatchObject({ extractor, fault: null });
  });

  it("pass on a fault of the model itself", async () => {
    const answer = () => Promise.reject(new Error("out of memory"));
    await expect(extractedKeywords(item, { version: "test-1", answer })).rejects.toThrow("memory");
  });
});

const directory = process.env.VITRINE_TEST_LLM ?? join(miniPackDir, "llm");
const isThere = existsSync(join(directory, "config.json"));

(isThere ? describe : describe.skip)(
  `KeywordLlm${isThere ? "" : ` (no language model at ${directory})`}`,
  () => {
    it("gives keywords that parse, from the bundled model", async () => {
      await loadTfjsBackend();
      const model = await Llama.load(directory);
      const tokenizer = await LlamaTokenizer.load(directory);
      const prompt = await PromptTemplate.load("keywords.v1");
      const llm = new KeywordLlm({ model, tokenizer, prompt });
      const { extractor, keywords } = await extractedKeywords(item, llm);
      expect(extractor).toMatch(/^keywords\.v1-[0-9a-f]{8}$/);
      expect(keywords).toEqual(expect.arrayContaining(["swan", "purple", "flat vector style"]));
      model.dispose();
    });
  },
);
