import { existsSync } from "node:fs";
import { join } from "node:path";
import { createModels } from "../../../../src/plugin/create-models.js";
import { keywordsOf, parsedKeywords } from "../../../../src/recsys/retrieval/keyword-extraction.js";
import { itemKeywords, KEYWORD_EXTRACTOR } from "../../../../src/recsys/retrieval/keywords.js";
import { miniPackDir } from "../../ml/runtime/mini-pack.js";

const item = { title: "Swan", caption: "a swan, purple, in flat vector style", keywords: ["Bird"] };

describe("parsedKeywords()", () => {
  it("takes a line of keywords, lower case, without repeats", () => {
    expect(parsedKeywords(" Swan, purple, Flat Vector style, swan ", "Swan")).toEqual({
      keywords: ["swan", "purple", "flat vector style"],
      fault: null,
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
    expect(parsedKeywords(answer, "")).toEqual({
      keywords: [],
      fault: expect.stringMatching(/./) as string,
    });
  });

  it.each([
    ["Blazer", "boss, animal, pig, nature, warthog"],
    ["Floral Summer Dress", "dress, shroom, plant"],
    ["Wide shirt", "wolf, shirt"],
  ])("refuses an answer with half of the words of '%s' or fewer", (title, answer) => {
    expect(parsedKeywords(answer, title)).toEqual({
      keywords: [],
      fault: "is not about the title",
    });
  });

  it.each([
    ["3rd place medal", "place, medal, bronze"],
    ["star-struck", "star, struck, face"],
    ["The", "swan"],
  ])(
    "accepts an answer with more than half of the words of '%s' that say something",
    (title, answer) => {
      expect(parsedKeywords(answer, title)).toMatchObject({ fault: null });
    },
  );
});

describe("parsedKeywords() in other scripts", () => {
  it("takes words with marks", () => {
    expect(parsedKeywords("लाल साड़ी, சட்டை", "लाल साड़ी")).toEqual({
      keywords: ["लाल साड़ी".normalize("NFKC"), "சட்டை"],
      fault: null,
    });
  });
});

describe("keywordsOf()", () => {
  it("are the shop's own and the language model's, and name its version", () => {
    const stored = { modelKeywords: ["swan", "bird", "purple"], keywordModel: "test-1" };
    expect(keywordsOf({ ...item, ...stored })).toEqual({
      keywords: ["bird", "swan", "purple"],
      extractor: "test-1",
    });
  });

  it("are the deterministic extractor's where the language model wrote none, and say so", () => {
    const unusable = { modelKeywords: null, keywordModel: "test-1" };
    for (const described of [item, { ...item, ...unusable }]) {
      expect(keywordsOf(described)).toEqual({
        keywords: itemKeywords(item),
        extractor: KEYWORD_EXTRACTOR,
      });
    }
  });
});

const modelsFolder = process.env.VITRINE_TEST_PACK ?? miniPackDir;
const isThere = existsSync(join(modelsFolder, "llm", "config.json"));

(isThere ? describe : describe.skip)(
  `the language model of the bundled pack${isThere ? "" : ` (none in ${modelsFolder})`}`,
  () => {
    it("writes keywords that can be used, of several items at once", async () => {
      const threads = {
        backdropsFolder: null,
        onnxThreads: 1,
        renderOnnxThreads: 1,
        renderThreads: 1,
      };
      const models = await createModels(modelsFolder, threads);
      const { keywordModel } = models;
      const melon = { title: "melon", caption: "a melon, green and yellow, in flat vector style" };
      const [ofSwan, ofMelon] = await keywordModel.answer(
        [item, melon].map(({ caption, title }) => ({ caption, text: title })),
      );
      expect(keywordModel.version).toMatch(/^mini\/llm@\S+\+keywords\.v1-[0-9a-f]{8}$/);
      expect(parsedKeywords(ofSwan, item.title).keywords).toEqual(
        expect.arrayContaining(["swan", "purple", "flat vector style"]),
      );
      expect(parsedKeywords(ofMelon, melon.title).keywords).toEqual(
        expect.arrayContaining(["melon", "fruit", "green"]),
      );
      await models.close();
    });
  },
);
