/** @file CLIP embeddings of captions and images (Eq. 2 and 4). */
import type { Pool } from "pg";
import type { EmbeddingKind } from "./rows.js";
import { bytesOf, vectorOf } from "./vectors.js";

/** A source without an embedding: a caption's text, or an image's hash. */
export interface UnencodedItem {
  itemId: string;
  /** The caption's text; the empty string for an image. */
  text: string;
  /** SHA-256 of the caption's text, or of the image's bytes (its blob's name). */
  sourceHash: string;
}

export interface NewEmbedding {
  itemId: string;
  /** Unit length; `[D]`. */
  vector: Float32Array;
  sourceHash: string;
}

/** What similar items are compared by. */
export interface ItemTraitsRow {
  itemId: string;
  isAvailable: boolean;
  /** The caption's text; the empty string without one. */
  text: string;
  /** `[D]`; null without one. */
  image: Float32Array | null;
}

interface EncodedCaption {
  /** `[D]`. */
  caption: Float32Array;
}

/** The source of each kind: its table, text and hash. */
const SOURCES: Record<EmbeddingKind, { table: string; text: string; hash: string }> = {
  CAPTION: {
    table: "captions",
    text: "source.text",
    hash: "encode(sha256(convert_to(source.text, 'UTF8')), 'hex')",
  },
  IMAGE: { table: "item_images", text: "''", hash: "source.blob_hash" },
};

/** Sources of a kind (`$1`) without a current embedding by the encoder (`$2`). */
function unencoded(kind: EmbeddingKind): string {
  const { table, hash } = SOURCES[kind];
  return `FROM ${table} AS source LEFT JOIN embeddings ON embeddings.item_id = source.item_id AND kind = $1::embedding_kind
    WHERE (encoder, source_hash) IS DISTINCT FROM ($2, ${hash})`;
}

export class EmbeddingsRepository {
  constructor(private readonly pool: Pick<Pool, "query">) {}

  // ── indexing ──

  /** Sources without an embedding by `encoder`, in the order of item ids, after `afterId`. */
  async findUnencoded(
    kind: EmbeddingKind,
    encoder: string,
    { limit, afterId = "" }: { limit: number; afterId?: string },
  ): Promise<UnencodedItem[]> {
    const { text, hash } = SOURCES[kind];
    const { rows } = await this.pool.query<UnencodedItem>(
      `SELECT source.item_id AS "itemId", ${text} AS text, ${hash} AS "sourceHash" ${unencoded(kind)}
         AND source.item_id > $3
       ORDER BY source.item_id LIMIT $4`,
      [kind, encoder, afterId, limit],
    );
    return rows;
  }

  async countUnencoded(kind: EmbeddingKind, encoder: string): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count ${unencoded(kind)}`,
      [kind, encoder],
    );
    return rows[0].count;
  }

  /** Stores embeddings of one kind by one encoder; skips items deleted since. */
  async saveMany(
    kind: EmbeddingKind,
    encoder: string,
    embeddings: readonly NewEmbedding[],
  ): Promise<void> {
    await this.pool.query(
      `INSERT INTO embeddings (item_id, kind, encoder, dimension, vector, source_hash)
       SELECT items.id, $1::embedding_kind, $2, length(given.vector) / 4, given.vector, given.source_hash
       FROM unnest($3::text[], $4::bytea[], $5::text[]) AS given (item_id, vector, source_hash)
       JOIN items ON items.id = given.item_id
       ORDER BY items.id COLLATE "C"
       ON CONFLICT (item_id, kind) DO UPDATE SET
         encoder = excluded.encoder, dimension = excluded.dimension, vector = excluded.vector,
         source_hash = excluded.source_hash, created_at = now()`,
      [
        kind,
        encoder,
        embeddings.map(({ itemId }) => itemId),
        embeddings.map(({ vector }) => bytesOf(vector)),
        embeddings.map(({ sourceHash }) => sourceHash),
      ],
    );
  }

  /** Deletes embeddings of deleted captions and images. */
  async deleteOrphans(): Promise<void> {
    await this.pool.query(
      `DELETE FROM embeddings WHERE CASE kind
         WHEN 'CAPTION' THEN NOT EXISTS (SELECT FROM captions WHERE captions.item_id = embeddings.item_id)
         ELSE NOT EXISTS (SELECT FROM item_images WHERE item_images.item_id = embeddings.item_id) END`,
    );
  }

  async deleteAll(): Promise<void> {
    await this.pool.query("DELETE FROM embeddings");
  }

  // ── the caption index ──

  /** Identifies a state of the encoder's caption embeddings: their number and a sum over their hashes. */
  async captionMark(encoder: string): Promise<string> {
    const { rows } = await this.pool.query<{ mark: string }>(
      `SELECT count(*) || ':' || coalesce(sum(hashtextextended(item_id || ':' || source_hash, 0)), 0) AS mark
       FROM embeddings WHERE kind = 'CAPTION' AND encoder = $1`,
      [encoder],
    );
    return rows[0].mark;
  }

  /** Encoded captions: item id -> hash of the caption. */
  async captionHashes(encoder: string): Promise<Map<string, string>> {
    const { rows } = await this.pool.query<{ itemId: string; sourceHash: string }>(
      `SELECT item_id AS "itemId", source_hash AS "sourceHash" FROM embeddings
       WHERE kind = 'CAPTION' AND encoder = $1 ORDER BY item_id`,
      [encoder],
    );
    return new Map(rows.map(({ itemId, sourceHash }) => [itemId, sourceHash]));
  }

  /** Caption embeddings of those of `itemIds` that have one. */
  async findCaptionEmbeddings(
    encoder: string,
    itemIds: readonly string[],
  ): Promise<NewEmbedding[]> {
    const { rows } = await this.pool.query<{ itemId: string; vector: Buffer; sourceHash: string }>(
      `SELECT item_id AS "itemId", vector, source_hash AS "sourceHash" FROM embeddings
       WHERE kind = 'CAPTION' AND encoder = $1 AND item_id = ANY($2::text[]) ORDER BY item_id`,
      [encoder, itemIds],
    );
    return rows.map(row => ({ ...row, vector: vectorOf(row.vector) }));
  }

  // ── similar items ──

  /** Caption text, image embedding and availability of those of `itemIds` that are in the catalogue. */
  async findTraits(encoder: string, itemIds: readonly string[]): Promise<ItemTraitsRow[]> {
    const { rows } = await this.pool.query<{
      itemId: string;
      isAvailable: boolean;
      text: string;
      image: Buffer | null;
    }>(
      `SELECT items.id AS "itemId", is_available AS "isAvailable", coalesce(captions.text, '') AS text, vector AS image
       FROM items LEFT JOIN captions ON captions.item_id = items.id
         LEFT JOIN embeddings ON embeddings.item_id = items.id AND kind = 'IMAGE' AND encoder = $1
       WHERE items.id = ANY($2::text[]) ORDER BY items.id`,
      [encoder, itemIds],
    );
    return rows.map(row => ({ ...row, image: row.image && vectorOf(row.image) }));
  }

  /** The same of up to `limit` items with a caption embedding, always the same ones, with that embedding. */
  async sampleTraits(encoder: string, limit: number): Promise<(ItemTraitsRow & EncodedCaption)[]> {
    const { rows } = await this.pool.query<{ itemId: string; vector: Buffer }>(
      `SELECT item_id AS "itemId", vector FROM embeddings WHERE kind = 'CAPTION' AND encoder = $1
       ORDER BY md5(item_id), item_id LIMIT $2`,
      [encoder, limit],
    );
    const captionOf = new Map(rows.map(({ itemId, vector }) => [itemId, vectorOf(vector)]));
    const traits = await this.findTraits(encoder, [...captionOf.keys()]);
    return traits.map(row => ({ ...row, caption: captionOf.get(row.itemId)! })); // was asked for
  }
}
