/** @file Captions written from pictures (Eq. 1). Those that came with the catalogue are never replaced. */
import type { Pool } from "pg";

/** A picture that wants a caption. */
export interface UncaptionedItem {
  itemId: string;
  blobHash: string;
}

export interface NewCaption extends UncaptionedItem {
  text: string;
}

/** No caption, or a model's that was written from another picture or by another model; `$1` is the model. */
const IS_UNCAPTIONED = `captions.item_id IS NULL OR (captions.source = 'MODEL'
  AND (captions.blob_hash, captions.model) IS DISTINCT FROM (item_images.blob_hash, $1))`;

export class CaptionsRepository {
  constructor(private readonly pool: Pick<Pool, "query">) {}

  /** Items with a picture that wants a caption, in the order of their ids, after `afterId`. */
  async findUncaptioned(model: string, limit: number, afterId = ""): Promise<UncaptionedItem[]> {
    const { rows } = await this.pool.query<UncaptionedItem>(
      `SELECT item_id AS "itemId", item_images.blob_hash AS "blobHash"
       FROM item_images LEFT JOIN captions USING (item_id)
       WHERE item_id > $2 AND (${IS_UNCAPTIONED})
       ORDER BY item_id LIMIT $3`,
      [model, afterId, limit],
    );
    return rows;
  }

  async countUncaptioned(model: string): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM item_images LEFT JOIN captions USING (item_id)
       WHERE ${IS_UNCAPTIONED}`,
      [model],
    );
    return rows[0].count;
  }

  /** Stores a model's captions; an item deleted or captioned by the catalogue meanwhile is left as it is. */
  async saveMany(captions: readonly NewCaption[], model: string): Promise<void> {
    await this.pool.query(
      `INSERT INTO captions (item_id, text, source, model, blob_hash)
       SELECT items.id, given.text, 'MODEL', $4, given.blob_hash
       FROM unnest($1::text[], $2::text[], $3::text[]) AS given (item_id, text, blob_hash)
       JOIN items ON items.id = given.item_id
       ON CONFLICT (item_id) DO UPDATE SET
         text = excluded.text, model = excluded.model, blob_hash = excluded.blob_hash, created_at = now()
       WHERE captions.source = 'MODEL'`,
      [
        captions.map(({ itemId }) => itemId),
        captions.map(({ text }) => text),
        captions.map(({ blobHash }) => blobHash),
        model,
      ],
    );
  }

  /** Removes what models wrote of pictures that are gone. */
  async deleteOrphans(): Promise<void> {
    await this.pool.query(
      `DELETE FROM captions WHERE source = 'MODEL'
         AND NOT EXISTS (SELECT FROM item_images WHERE item_images.item_id = captions.item_id)`,
    );
  }
}
