/** @file The images of variants with their embeddings: what indexing has to encode, and what a request chooses from. */
import type { Pool } from "pg";
import { bytesOf, vectorOf } from "./vectors.js";

/** An image of an item's variants that can be chosen. */
export interface VariantImage {
  /** The first available variant that has it. */
  variantId: string;
  blobHash: string;
  /** Of unit length; `[E]`. */
  embedding: Float32Array;
}

/** A variant's image without a current embedding. */
export interface UnencodedVariantImage {
  /** Its content hash. */
  sourceHash: string;
  /** One of the items whose variants have it. */
  itemId: string;
}

/** Images of variants that differ from their item's, without an embedding by `$1`. */
const UNENCODED = `FROM item_variants AS variant
  LEFT JOIN item_images ON item_images.item_id = variant.item_id
  LEFT JOIN variant_embeddings AS embedding ON embedding.blob_hash = variant.blob_hash
  WHERE variant.blob_hash IS NOT NULL AND item_images.blob_hash IS DISTINCT FROM variant.blob_hash
    AND embedding.encoder IS DISTINCT FROM $1`;

export class VariantImagesRepository {
  constructor(private readonly pool: Pick<Pool, "query">) {}

  /** Each image once, in the order of hashes, after `afterHash`. */
  async findUnencoded(
    encoder: string,
    { limit, afterHash = "" }: { limit: number; afterHash?: string },
  ): Promise<UnencodedVariantImage[]> {
    const { rows } = await this.pool.query<UnencodedVariantImage>(
      `SELECT variant.blob_hash AS "sourceHash", min(variant.item_id) AS "itemId" ${UNENCODED}
         AND variant.blob_hash > $2
       GROUP BY variant.blob_hash ORDER BY variant.blob_hash LIMIT $3`,
      [encoder, afterHash, limit],
    );
    return rows;
  }

  async countUnencoded(encoder: string): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>(
      `SELECT count(DISTINCT variant.blob_hash)::int AS count ${UNENCODED}`,
      [encoder],
    );
    return rows[0].count;
  }

  /** Stores embeddings by one encoder; skips files deleted since. */
  async saveMany(
    encoder: string,
    rows: readonly { sourceHash: string; vector: Float32Array }[],
  ): Promise<void> {
    await this.pool.query(
      `INSERT INTO variant_embeddings (blob_hash, encoder, vector)
       SELECT blobs.hash, $1, given.vector FROM unnest($2::text[], $3::bytea[]) AS given (hash, vector)
       JOIN blobs ON blobs.hash = given.hash ORDER BY blobs.hash COLLATE "C"
       ON CONFLICT (blob_hash) DO UPDATE SET encoder = excluded.encoder, vector = excluded.vector, created_at = now()`,
      [
        encoder,
        rows.map(({ sourceHash }) => sourceHash),
        rows.map(({ vector }) => bytesOf(vector)),
      ],
    );
  }

  /** Deletes embeddings of images that no variant has any more. */
  async deleteOrphans(): Promise<void> {
    await this.pool.query(
      `DELETE FROM variant_embeddings WHERE NOT EXISTS (
         SELECT FROM item_variants WHERE item_variants.blob_hash = variant_embeddings.blob_hash)`,
    );
  }

  async deleteAll(): Promise<void> {
    await this.pool.query("DELETE FROM variant_embeddings");
  }

  /**
   * The images of items' available variants that differ from the item's own, are encoded by `encoder` and not rejected,
   * in the shop's order: at most `limit` of an item.
   */
  async findChoices(
    encoder: string,
    itemIds: readonly string[],
    limit: number,
  ): Promise<Map<string, VariantImage[]>> {
    const { rows } = await this.pool.query<
      Omit<VariantImage, "embedding"> & { itemId: string; vector: Buffer }
    >(
      `SELECT "itemId", "variantId", "blobHash", vector FROM (
         SELECT first.*, embedding.vector, row_number() OVER (PARTITION BY "itemId" ORDER BY position, "variantId") AS place
         FROM (
           SELECT DISTINCT ON (variant.item_id, variant.blob_hash) variant.item_id AS "itemId", variant.id AS "variantId",
             variant.blob_hash AS "blobHash", variant.position
           FROM item_variants AS variant LEFT JOIN item_images ON item_images.item_id = variant.item_id
           WHERE variant.item_id = ANY($2::text[]) AND variant.is_available
             AND item_images.blob_hash IS DISTINCT FROM variant.blob_hash
             AND NOT EXISTS (SELECT FROM image_rejections WHERE image_rejections.blob_hash = variant.blob_hash)
           ORDER BY variant.item_id, variant.blob_hash, variant.position, variant.id
         ) AS first
         JOIN variant_embeddings AS embedding ON embedding.blob_hash = first."blobHash" AND embedding.encoder = $1
       ) AS choices WHERE place <= $3 ORDER BY "itemId", place`,
      [encoder, itemIds, limit],
    );
    const found = new Map<string, VariantImage[]>();
    for (const { itemId, vector, ...image } of rows) {
      const images = found.get(itemId) ?? [];
      images.push({ ...image, embedding: vectorOf(vector) });
      found.set(itemId, images);
    }
    return found;
  }
}
