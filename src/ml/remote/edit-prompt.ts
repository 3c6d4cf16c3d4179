/** @file The instruction that a generator on another machine gets: what to keep, and what the shopper likes. */
import { PromptTemplate } from "../language/prompt-template.js";

export interface EditWords {
  /** The prompt of the request: the reference's words, then the preference keywords. */
  words: string;
  /** The new setting in words, where the product is kept; empty: the generator chooses. */
  setting: string;
  /** What the image should not show; empty: nothing more. */
  avoided: string;
}

const ANY_SETTING = "one that suits the product and the shopper";

export class EditPrompt {
  private constructor(
    private readonly around: PromptTemplate,
    private readonly whole: PromptTemplate,
  ) {}

  /** @throws AppError `FILE_NOT_FOUND`. */
  static async load(): Promise<EditPrompt> {
    return new EditPrompt(
      await PromptTemplate.load("edit-around.v1"),
      await PromptTemplate.load("edit-whole.v1"),
    );
  }

  /** Changes with either text. */
  get version(): string {
    return `${this.around.sha256} ${this.whole.sha256}`;
  }

  /** @param keepsProduct Whether a mask says what the product is; otherwise all of the picture is redrawn. */
  of({ avoided, setting, words }: EditWords, keepsProduct: boolean): string {
    const text = keepsProduct
      ? this.around.fill({ words, setting: setting || ANY_SETTING })
      : this.whole.fill({ words });
    return avoided ? `${text}\n${AVOIDED.fill({ avoided })}` : text;
  }
}

const AVOIDED = new PromptTemplate("avoided", 'Not in the picture: "{{avoided}}"');
