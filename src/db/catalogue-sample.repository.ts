/** @file What a process asks of the catalogue before it opens a model pack: a sample of its images, and the pack of its index. */
import type { Pool } from "pg";

export class CatalogueSampleRepository {
  constructor(private readonly pool: Pick<Pool, "query">) {}

  /** Number of catalogue images. */
  async countImages(): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>(
      "SELECT count(*)::int AS count FROM item_images",
    );
    return rows[0].count;
  }

  /** Blob hashes of at most `limit` images of items; the same sample of the same catalogue. */
  async sampleImages(limit: number): Promise<string[]> {
    const { rows } = await this.pool.query<{ hash: string }>(
      `SELECT blob_hash AS hash FROM item_images ORDER BY md5(item_id), item_id LIMIT $1`,
      [limit],
    );
    return rows.map(({ hash }) => hash);
  }

  /** The encoder of the stored caption embeddings, `name@version`; of several the most frequent; null without any. */
  async indexedEncoder(): Promise<string | null> {
    const { rows } = await this.pool.query<{ encoder: string }>(
      `SELECT encoder FROM embeddings WHERE kind = 'CAPTION'
       GROUP BY encoder ORDER BY count(*) DESC, encoder LIMIT 1`,
    );
    return rows[0]?.encoder ?? null;
  }
}
