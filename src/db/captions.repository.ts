/**
 * @file Generated captions: from images (Eq. 1), from an item's title and category, or, where those say nothing, from
 * what is recognised in the image. Imported captions are never replaced.
 */
import type { Pool } from "pg";

/** An image that needs a caption. */
export interface UncaptionedItem {
  itemId: string;
  blobHash: string;
  /** The caption composed from the item's title and category. */
  text: string;
}

export interface NewCaption {
  itemId: string;
  /** The captioned image. */
  blobHash: string;
  text: string;
  /** `TEXT` where the captioner's sentence did not agree with the item's text, which became the caption. */
  source: "MODEL" | "RECOGNIZED" | "TEXT";
  /** The item's text that the sentence was compared with; null if it was not. */
  comparedWith: string | null;
}

/** Selects the images to caption. */
export interface CaptionRequest {
  /** The captioner, `name@version`. */
  model: string;
  /** Whether a caption is valid only if it was compared with the item's present text. */
  compared: boolean;
}

/** Selects the images whose caption is what is recognised in them. */
export interface RecognitionRequest {
  /** The recogniser, `name@version`. */
  model: string;
  /** Whether items whose own text says something are included. */
  includesWorded: boolean;
}

/** The model name of text captions. */
const TEXT_MODEL = "title@1";
const MAX_CAPTION_CHARACTERS = 300;

/** The caption composed from an item's title and category: the category's path as a list, unless the title contains it. */
const ITEM_TEXT = `left(CASE
    WHEN items.category IS NULL OR position(lower(items.category) IN lower(items.title)) > 0 THEN items.title
    ELSE items.title || ', ' || regexp_replace(items.category, '\\s*[>/|]\\s*', ', ', 'g')
  END, ${MAX_CAPTION_CHARACTERS})`;

/** `$1` is the model, `$2` whether captions must have been compared. */
const PICTURED = `items JOIN item_images ON item_images.item_id = items.id LEFT JOIN captions ON captions.item_id = items.id
  WHERE CASE
    WHEN captions.item_id IS NULL THEN true
    WHEN captions.source = 'IMPORTED' THEN false
    WHEN (captions.blob_hash, captions.model) IS DISTINCT FROM (item_images.blob_hash, $1) THEN true
    WHEN $2::boolean THEN captions.compared_with IS DISTINCT FROM md5(${ITEM_TEXT})
    ELSE captions.source <> 'MODEL' END`;

/** An item whose title says nothing: no category, and a title that is its id, a file name or a code. */
const WORDLESS = `(items.category IS NULL AND (lower(items.title) = lower(items.id) OR
    regexp_replace(translate(lower(items.title), '_', ' '),
      '\\S*\\d\\S*|\\y(img|dsc|dscn|pxl|photo|image|picture|sku|item|product|untitled|jpe?g|png|webp)\\y', ' ', 'g')
    !~ '[[:alpha:]]'))`;

/** Items whose image needs a recognised caption; `$1` is the recogniser, `$2` whether to include items with words. */
const UNRECOGNIZED = `items JOIN item_images ON item_images.item_id = items.id LEFT JOIN captions ON captions.item_id = items.id
  WHERE ($2::boolean OR ${WORDLESS}) AND captions.source IS DISTINCT FROM 'IMPORTED'
    AND (captions.source, captions.blob_hash, captions.model) IS DISTINCT FROM ('RECOGNIZED'::caption_source, item_images.blob_hash, $1)`;

/** Which items get their own text as caption; see {@link CaptionsRepository.writeTexts}. */
export type TextCaptions = "all" | "withoutImage" | "worded";

/** Items that need their own text as caption; `$1` is whether to include those with an image, `$2` whether only if it says something. */
const WORDED = `items LEFT JOIN captions ON captions.item_id = items.id
  WHERE captions.source IS DISTINCT FROM 'IMPORTED'
    AND (captions.source, captions.text) IS DISTINCT FROM ('TEXT'::caption_source, ${ITEM_TEXT})
    AND (($1::boolean AND NOT ($2::boolean AND ${WORDLESS}))
      OR NOT EXISTS (SELECT FROM item_images WHERE item_images.item_id = items.id))`;

export class CaptionsRepository {
  constructor(private readonly pool: Pick<Pool, "query">) {}

  /** Items whose image needs a caption, in the order of their ids, after `afterId`. */
  findUncaptioned({ model, compared }: CaptionRequest, limit: number, afterId = "") {
    return this.findIn(PICTURED, [model, compared, afterId, limit]);
  }

  countUncaptioned({ model, compared }: CaptionRequest): Promise<number> {
    return this.countIn(PICTURED, [model, compared]);
  }

  /** Items whose image needs a caption by what is recognised in it, in the order of their ids, after `afterId`. */
  findUnrecognized({ model, includesWorded }: RecognitionRequest, limit: number, afterId = "") {
    return this.findIn(UNRECOGNIZED, [model, includesWorded, afterId, limit]);
  }

  countUnrecognized({ model, includesWorded }: RecognitionRequest): Promise<number> {
    return this.countIn(UNRECOGNIZED, [model, includesWorded]);
  }

  private async findIn(
    items: string,
    values: readonly [model: string, flag: boolean, afterId: string, limit: number],
  ): Promise<UncaptionedItem[]> {
    const { rows } = await this.pool.query<UncaptionedItem>(
      `SELECT items.id AS "itemId", item_images.blob_hash AS "blobHash", ${ITEM_TEXT} AS text
       FROM ${items} AND items.id > $3
       ORDER BY items.id LIMIT $4`,
      [...values],
    );
    return rows;
  }

  private async countIn(
    items: string,
    values: readonly [model: string, flag: boolean],
  ): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${items}`,
      [...values],
    );
    return rows[0].count;
  }

  /** Stores captions; skips items that were deleted or captioned by the catalogue since. */
  async saveMany(captions: readonly NewCaption[], model: string): Promise<void> {
    await this.pool.query(
      `INSERT INTO captions (item_id, text, source, model, blob_hash, compared_with)
       SELECT items.id, given.text, given.source::caption_source, $6, given.blob_hash, md5(given.compared_with)
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
         AS given (item_id, text, source, blob_hash, compared_with)
       JOIN items ON items.id = given.item_id
       ORDER BY items.id COLLATE "C"
       ON CONFLICT (item_id) DO UPDATE SET
         text = excluded.text, source = excluded.source, model = excluded.model, blob_hash = excluded.blob_hash,
         compared_with = excluded.compared_with, created_at = now()
       WHERE captions.source <> 'IMPORTED'`,
      [
        captions.map(({ itemId }) => itemId),
        captions.map(({ text }) => text),
        captions.map(({ source }) => source),
        captions.map(({ blobHash }) => blobHash),
        captions.map(({ comparedWith }) => comparedWith),
        model,
      ],
    );
  }

  /**
   * Sets items' own text as caption.
   *
   * @param which `withoutImage`; `worded`: those too whose text says something; or `all`. Imported captions stay.
   * @returns the number of captions written.
   */
  async writeTexts(which: TextCaptions): Promise<number> {
    return this.writeTextsOf(WORDED, [which !== "withoutImage", which === "worded"]);
  }

  /** The same for those of `itemIds` without a caption. */
  async writeTextsOfItems(itemIds: readonly string[]): Promise<number> {
    const uncaptioned = `items LEFT JOIN captions ON captions.item_id = items.id
      WHERE captions.item_id IS NULL AND items.id = ANY($1::text[])`;
    return this.writeTextsOf(uncaptioned, [itemIds]);
  }

  /** Number of items without an image. */
  async countWithoutImage(): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM items
       WHERE NOT EXISTS (SELECT FROM item_images WHERE item_images.item_id = items.id)`,
    );
    return rows[0].count;
  }

  /** Deletes model captions of deleted images. */
  async deleteOrphans(): Promise<void> {
    await this.pool.query(
      `DELETE FROM captions WHERE source IN ('MODEL', 'RECOGNIZED')
         AND NOT EXISTS (SELECT FROM item_images WHERE item_images.item_id = captions.item_id)`,
    );
  }

  private async writeTextsOf(items: string, parameters: readonly unknown[]): Promise<number> {
    const { rowCount } = await this.pool.query(
      `INSERT INTO captions (item_id, text, source, model)
       SELECT items.id, ${ITEM_TEXT}, 'TEXT', '${TEXT_MODEL}' FROM ${items}
       ORDER BY items.id COLLATE "C"
       ON CONFLICT (item_id) DO UPDATE SET
         text = excluded.text, source = excluded.source, model = excluded.model, blob_hash = NULL,
         compared_with = NULL, created_at = now()
       WHERE captions.source <> 'IMPORTED'`,
      [...parameters],
    );
    return rowCount ?? 0;
  }
}
