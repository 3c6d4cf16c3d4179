/** @file Determines the language of the shop's texts once per indexing, so that all processes use the same. */
import { AppError } from "../../errors/app-error.js";
import { isLanguage, type Language, languageOf, languages } from "./shop-languages.js";

/** Items sampled. */
const SAMPLE = 1_000;

interface Dependencies {
  texts: {
    sampleTexts(limit: number): Promise<string[]>;
    save(language: string): Promise<void>;
  };
  /** ISO 639-1; null: detected from the texts. */
  configured: string | null;
}

export class ShopLanguageService {
  constructor(private readonly deps: Dependencies) {}

  /** @param given Overrides the configuration. @throws AppError `INVALID_ARGUMENT` for an unknown language */
  async settle(given: string | null = null): Promise<Language> {
    const { texts, configured } = this.deps;
    const asked = given ?? configured;
    if (asked !== null && !isLanguage(asked)) {
      const problem = `must be auto or one of ${languages.join(", ")}, but got '${asked}'`;
      throw new AppError("INVALID_ARGUMENT", { argument: "language", problem });
    }
    const language = asked ?? languageOf(await texts.sampleTexts(SAMPLE));
    await texts.save(language);
    return language;
  }
}
