/**
 * @file Versioned prompt files of the language models, which pretrain/language.py reads too.
 *
 * Captions, titles and keywords are untrusted input. Each slot becomes one line of limited length without double quotes,
 * and the prompt puts it between double quotes.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { AppError } from "../../errors/app-error.js";
import { type LlamaTokenizer } from "./llama-tokenizer.js";

/**
 * p_k asks for the keywords of one item (Eq. 6), p_g for the appearance that keywords describe (Eq. 7); the others instruct
 * generators on other machines.
 */
export type PromptName = "keywords.v1" | "preference.v1" | "edit-around.v1" | "edit-whole.v1";

const promptsFolder = resolve(import.meta.dirname, "../../../prompts");
const IMAGE_TOKENS = "{{imageTokens}}";
const SLOT = /\{\{(\w+)\}\}/g;
/** Characters of one slot, about two long sentences; the bundled model reads 256 tokens. */
const MAX_LENGTH = 160;
/** White space, control, zero-width and direction characters; the same as in pretrain/language.py. */
const BLANK = /[\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]+/g;

export class PromptTemplate {
  /** SHA-256 of the file's text, hexadecimal: part of an image's provenance. */
  readonly sha256: string;

  /** @param text Without the file's final line break. */
  constructor(
    readonly name: string,
    readonly text: string,
  ) {
    this.sha256 = createHash("sha256").update(text).digest("hex");
  }

  /** @throws AppError `FILE_NOT_FOUND`. */
  static async load(name: PromptName, folder = promptsFolder): Promise<PromptTemplate> {
    const path = join(folder, `${name}.txt`);
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      throw error.code === "ENOENT" ? new AppError("FILE_NOT_FOUND", { path }) : error;
    });
    return new PromptTemplate(name, text.replace(/\r?\n$/, ""));
  }

  /** The prompt with every slot filled and quoted; `{{imageTokens}}` becomes empty. Throws for a missing value. */
  fill(slots: Readonly<Record<string, string>>): string {
    return this.text.replace(SLOT, (slot, name: string) => {
      if (slot === IMAGE_TOKENS) {
        return "";
      }
      if (!Object.hasOwn(slots, name)) {
        throw new Error(`PromptTemplate.fill: '${this.name}' expects a value for '${name}'`);
      }
      return quotable(slots[name]);
    });
  }

  /** Tokens of the filled prompt, with the image tokens in place. */
  encode(
    tokenizer: LlamaTokenizer,
    slots: Readonly<Record<string, string>>,
    imageTokenIds: readonly number[] = [],
  ): number[] {
    const [before, ...after] = this.text
      .split(IMAGE_TOKENS)
      .map(part => new PromptTemplate(this.name, part).fill(slots));
    const ids = tokenizer.encode(before);
    for (const part of after) {
      ids.push(...imageTokenIds, ...(part === "" ? [] : tokenizer.encode(part)));
    }
    return ids;
  }
}

/** One line without double quotes, at most `maxLength` characters, cut after a word where possible. */
export function quotable(text: string, maxLength = MAX_LENGTH): string {
  const line = text
    .replaceAll('"', "'")
    .replace(BLANK, " ")
    .replace(/^ +| +$/g, "");
  const characters = [...line];
  if (characters.length <= maxLength) {
    return line;
  }
  const cut = characters.slice(0, maxLength).join("");
  return cut.includes(" ") ? cut.slice(0, cut.lastIndexOf(" ")) : cut;
}
