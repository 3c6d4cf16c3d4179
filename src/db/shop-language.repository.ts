/** @file The language of the shop's texts: stored by an indexing, read with every item. */
import type { Pool } from "pg";

/** Name of the setting. */
export const LANGUAGE_SETTING = "language";
const MAX_DESCRIPTION_CHARACTERS = 300;

export class ShopLanguageRepository {
  constructor(private readonly pool: Pick<Pool, "query">) {}

  /** Titles with the beginning of their descriptions, of at most `limit` items; a stable sample. */
  async sampleTexts(limit: number): Promise<string[]> {
    const { rows } = await this.pool.query<{ text: string }>(
      `SELECT concat_ws('. ', title, nullif(left(description, ${MAX_DESCRIPTION_CHARACTERS}), '')) AS text
       FROM items ORDER BY md5(id), id LIMIT $1`,
      [limit],
    );
    return rows.map(({ text }) => text);
  }

  /** Stores the language if it changed. */
  async save(language: string): Promise<void> {
    await this.pool.query(
      `INSERT INTO shop_settings (name, value) VALUES ($1, $2)
       ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE shop_settings.value <> excluded.value`,
      [LANGUAGE_SETTING, language],
    );
  }
}
