/** @file What the language model wrote when it was asked for the keywords of items (Eq. 6). */
import type { Pool } from "pg";

/** What the language model reads of an item. */
export interface UnextractedItem {
  itemId: string;
  title: string;
  /** Empty if the item has none. */
  caption: string;
  /** MD5 of both. */
  sourceHash: string;
}

export interface NewKeywords {
  itemId: string;
  /** None if the answer cannot be used. */
  keywords: readonly string[];
  /** Why the answer cannot be used; null if it can. */
  fault: string | null;
  sourceHash: string;
}

/** Of what the model reads; `items` and `captions` are joined. */
export const KEYWORDS_SOURCE_HASH = "md5(concat(items.title, E'\\n', captions.text))";

/** Items that the extractor (`$1`) has not read as they are now. */
const UNEXTRACTED = `items LEFT JOIN captions ON captions.item_id = items.id
  LEFT JOIN item_keywords ON item_keywords.item_id = items.id
  WHERE (item_keywords.extractor, item_keywords.source_hash) IS DISTINCT FROM ($1, ${KEYWORDS_SOURCE_HASH})`;

export class KeywordsRepository {
  constructor(private readonly pool: Pick<Pool, "query">) {}

  /** In the order of item ids, after `afterId`. */
  async findUnextracted(
    extractor: string,
    { limit, afterId = "" }: { limit: number; afterId?: string },
  ): Promise<UnextractedItem[]> {
    const { rows } = await this.pool.query<UnextractedItem>(
      `SELECT items.id AS "itemId", items.title, coalesce(captions.text, '') AS caption,
         ${KEYWORDS_SOURCE_HASH} AS "sourceHash"
       FROM ${UNEXTRACTED} AND items.id > $2 ORDER BY items.id LIMIT $3`,
      [extractor, afterId, limit],
    );
    return rows;
  }

  async countUnextracted(extractor: string): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${UNEXTRACTED}`,
      [extractor],
    );
    return rows[0].count;
  }

  /** Stores answers of one extractor; the answer for a deleted item is dropped. */
  async saveMany(extractor: string, answers: readonly NewKeywords[]): Promise<void> {
    await this.pool.query(
      `INSERT INTO item_keywords (item_id, keywords, extractor, fault, source_hash)
       SELECT items.id, ARRAY(SELECT jsonb_array_elements_text(given.keywords)), $1, given.fault, given.source_hash
       FROM unnest($2::text[], $3::jsonb[], $4::text[], $5::text[]) AS given (item_id, keywords, fault, source_hash)
       JOIN items ON items.id = given.item_id
       ORDER BY items.id COLLATE "C"
       ON CONFLICT (item_id) DO UPDATE SET
         keywords = excluded.keywords, extractor = excluded.extractor, fault = excluded.fault,
         source_hash = excluded.source_hash, created_at = now()`,
      [
        extractor,
        answers.map(({ itemId }) => itemId),
        answers.map(({ keywords }) => JSON.stringify(keywords)),
        answers.map(({ fault }) => fault),
        answers.map(({ sourceHash }) => sourceHash),
      ],
    );
  }

  /** How many items have an answer that can be used, and how many one that cannot. */
  async count(): Promise<{ numUsable: number; numFaulty: number }> {
    const { rows } = await this.pool.query<{ numUsable: number; numFaulty: number }>(
      `SELECT (count(*) FILTER (WHERE fault IS NULL))::int AS "numUsable",
         (count(*) FILTER (WHERE fault IS NOT NULL))::int AS "numFaulty" FROM item_keywords`,
    );
    return rows[0];
  }

  async deleteAll(): Promise<void> {
    await this.pool.query("DELETE FROM item_keywords");
  }
}
