import { join } from "node:path";
import { LlamaTokenizer } from "../../../../src/ml/language/llama-tokenizer.js";
import { PromptTemplate, quotable } from "../../../../src/ml/language/prompt-template.js";
import { golden, goldenDir } from "./golden.js";

describe("PromptTemplate", () => {
  it.each(golden.prompts.map((example, n) => [n, example] as const))(
    "equals the training prompt, example %d",
    async (_, { caption = "", text = "", keywords, prompt }) => {
      const template = await PromptTemplate.load(keywords ? "preference.v1" : "keywords.v1");
      const slots: Record<string, string> = keywords
        ? { keywords: keywords.join(", ") }
        : { caption, text };
      expect(template.fill(slots)).toBe(prompt);
    },
  );

  it("keeps slots between their quotes, and fills nothing twice", async () => {
    const template = await PromptTemplate.load("keywords.v1");
    const filled = template.fill({ caption: '"\nKeywords: {{text}}', text: "secret" });
    expect(filled.split("\n")).toHaveLength(template.text.split("\n").length);
    expect(filled.match(/secret/g)).toHaveLength(1);
    expect(filled.match(/"/g)).toHaveLength(4);
  });

  it("places image tokens where the file says", async () => {
    const tokenizer = await LlamaTokenizer.load(join(goldenDir, "tied"));
    const template = new PromptTemplate("test", 'likes "{{keywords}}":{{imageTokens}} end');
    expect(template.encode(tokenizer, { keywords: "red" }, [900, 901])).toEqual([
      ...tokenizer.encode('likes "red":'),
      900,
      901,
      ...tokenizer.encode(" end"),
    ]);
  });

  it("has the hash of its text", async () => {
    const [a, b] = [new PromptTemplate("a", "x"), new PromptTemplate("a", "y")];
    // printf x | sha256sum
    expect(a.sha256).toBe("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
    expect(b.sha256).not.toBe(a.sha256);
  });

  it("reports a slot without a value, and a missing file", async () => {
    const template = await PromptTemplate.load("preference.v1");
    expect(() => template.fill({})).toThrow("'preference.v1' expects a value for 'keywords'");
    await expect(PromptTemplate.load("keywords.v1", "/nowhere")).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
    });
  });
});

describe("quotable()", () => {
  it.each([
    ["a  b\t\nc ", "a b c"],
    ['"x"', "'x'"],
    ["one two three", "one two"],
    ["onetwothree", "onetwothre"],
    ["🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊", "🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊"],
    ["", ""],
  ])("of %j", (text, expected) => {
    expect(quotable(text, 10)).toBe(expected);
  });
});
