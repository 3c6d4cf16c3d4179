import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LlamaTokenizer } from "../../../../src/ml/language/llama-tokenizer.js";
import { golden, goldenDir } from "./golden.js";

describe("LlamaTokenizer", () => {
  it.each(golden.texts.map(({ text, ids, decoded }) => [text, ids, decoded] as const))(
    "has transformers' ids for %j, and its text for these",
    async (text, ids, decoded) => {
      const tokenizer = await LlamaTokenizer.load(join(goldenDir, "tied"));
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(decoded);
    },
  );

  it("omits image tokens from a text", async () => {
    const tokenizer = await LlamaTokenizer.load(join(goldenDir, "tied"));
    expect(tokenizer.size).toBe(300);
    expect(tokenizer.decode([...tokenizer.encode("red"), 300, 301])).toBe("red");
    expect(tokenizer.decode([300])).toBe("");
  });

  it.each(["tokenizer.json", "tokenizer_config.json"])(
    "names a missing and a damaged %s",
    async file => {
      const directory = await mkdtemp(join(tmpdir(), "tokenizer-"));
      await cp(join(goldenDir, "tied"), directory, { recursive: true });
      await writeFile(join(directory, file), "{");
      await expect(LlamaTokenizer.load(directory)).rejects.toMatchObject({
        code: "FILE_MALFORMED",
      });
      await rm(join(directory, file));
      await expect(LlamaTokenizer.load(directory)).rejects.toThrow(file);
      await rm(directory, { recursive: true });
    },
  );

  it("reports a JSON file that is not a tokenizer", async () => {
    const directory = await mkdtemp(join(tmpdir(), "tokenizer-"));
    await writeFile(join(directory, "tokenizer.json"), "{}");
    await writeFile(join(directory, "tokenizer_config.json"), "{}");
    await expect(LlamaTokenizer.load(directory)).rejects.toMatchObject({ code: "FILE_MALFORMED" });
    await rm(directory, { recursive: true });
  });
});
