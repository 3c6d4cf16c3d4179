/** @file The variants in which items are sold, such as colours and sizes, with images of their own. */
import { insertBlobs, type StoredBlob } from "./blob-rows.js";
import type { PrismaTransaction } from "./database.js";

/** A property in which variants differ: `{ name: "Colour", value: "Red" }`. */
export interface VariantOption {
  name: string;
  value: string;
}

export interface NewVariant {
  /** Unique within the item. */
  id: string;
  title: string;
  options: readonly VariantOption[];
  isAvailable: boolean;
  /** Whether the source names an image of the variant; without one a stored image is forgotten. */
  hasImage: boolean;
}

/** All variants of an item, in the shop's order. */
export interface VariantSet {
  itemId: string;
  variants: readonly NewVariant[];
}

/** The requested source of the image that some variants of an item share. */
export interface VariantImageSource {
  itemId: string;
  variantIds: readonly string[];
  source: string;
  sourceVersion: string | null;
}

export interface NewVariantImage extends VariantImageSource {
  blobHash: string;
  /** Its row, where the file may be new. */
  blob: StoredBlob | null;
}

/** What is stored of a requested source. */
export interface StoredVariantImage {
  /** Whether all its variants have the image. */
  isCurrent: boolean;
  /** The image that the item or one of its variants has from this source; null if none has. */
  blobHash: string | null;
}

export class VariantsRepository {
  constructor(private readonly prisma: PrismaTransaction) {}

  /**
   * Replaces the variants of items; a variant that stays keeps its image. Of two sets of one item the later counts. The items
   * must exist.
   *
   * @returns the items that changed.
   */
  async replaceMany(sets: readonly VariantSet[]): Promise<Set<string>> {
    const last = new Map(sets.map(set => [set.itemId, set]));
    const rows = [...last.values()].flatMap(({ itemId, variants }) =>
      variants.map((variant, position) => ({ itemId, position, ...variant })),
    );
    const itemIds = rows.map(({ itemId }) => itemId);
    const ids = rows.map(({ id }) => id);
    const deleted = await this.prisma.$queryRaw<Changed[]>`
      DELETE FROM item_variants WHERE item_id = ANY(${[...last.keys()]}::text[])
        AND NOT EXISTS (
          SELECT FROM unnest(${itemIds}::text[], ${ids}::text[]) AS given (item_id, id)
          WHERE given.item_id = item_variants.item_id AND given.id = item_variants.id)
      RETURNING item_id AS "itemId"`;
    if (rows.length === 0) {
      return changedIn(deleted);
    }
    const written = await this.prisma.$queryRaw<Changed[]>`
      INSERT INTO item_variants (item_id, id, title, options, is_available, position)
      SELECT item_id, id, title, options::jsonb, is_available, position FROM unnest(
        ${itemIds}::text[], ${ids}::text[], ${rows.map(({ title }) => title)}::text[],
        ${rows.map(({ options }) => JSON.stringify(options))}::text[],
        ${rows.map(({ isAvailable }) => isAvailable)}::boolean[], ${rows.map(({ position }) => position)}::int[]
      ) AS given (item_id, id, title, options, is_available, position)
      ORDER BY item_id COLLATE "C", id COLLATE "C"
      ON CONFLICT (item_id, id) DO UPDATE SET
        title = excluded.title, options = excluded.options, is_available = excluded.is_available, position = excluded.position
      WHERE (item_variants.title, item_variants.options, item_variants.is_available, item_variants.position)
        IS DISTINCT FROM (excluded.title, excluded.options, excluded.is_available, excluded.position)
      RETURNING item_id AS "itemId"`;
    const bare = rows.filter(({ hasImage }) => !hasImage);
    const cleared = await this.prisma.$queryRaw<Changed[]>`
      UPDATE item_variants SET blob_hash = NULL, source = NULL, source_version = NULL
      FROM unnest(${bare.map(({ itemId }) => itemId)}::text[], ${bare.map(({ id }) => id)}::text[]) AS given (item_id, id)
      WHERE item_variants.item_id = given.item_id AND item_variants.id = given.id AND item_variants.blob_hash IS NOT NULL
      RETURNING item_variants.item_id AS "itemId"`;
    return changedIn([...deleted, ...written, ...cleared]);
  }

  /** Sets stored files as images of variants that exist; others are ignored. @returns the items that changed. */
  async setImages(images: readonly NewVariantImage[]): Promise<Set<string>> {
    if (images.length === 0) {
      return new Set();
    }
    await insertBlobs(
      this.prisma,
      images.flatMap(({ blob }) => blob ?? []),
    );
    const rows = images.flatMap(image => image.variantIds.map(id => ({ ...image, id })));
    return changedIn(
      await this.prisma.$queryRaw<Changed[]>`
        UPDATE item_variants SET blob_hash = given.blob_hash, source = given.source, source_version = given.version
        FROM unnest(
          ${rows.map(({ itemId }) => itemId)}::text[], ${rows.map(({ id }) => id)}::text[],
          ${rows.map(({ blobHash }) => blobHash)}::text[], ${rows.map(({ source }) => source)}::text[],
          ${rows.map(({ sourceVersion }) => sourceVersion)}::text[]
        ) AS given (item_id, id, blob_hash, source, version)
        WHERE item_variants.item_id = given.item_id AND item_variants.id = given.id
          AND (item_variants.blob_hash, item_variants.source, item_variants.source_version)
            IS DISTINCT FROM (given.blob_hash, given.source, given.version)
        RETURNING item_variants.item_id AS "itemId"`,
    );
  }

  /** In the order of `sources`. */
  async findStored(sources: readonly VariantImageSource[]): Promise<StoredVariantImage[]> {
    return this.prisma.$queryRaw<StoredVariantImage[]>`
      SELECT
        NOT EXISTS (
          SELECT FROM jsonb_array_elements_text(given.ids::jsonb) AS wanted (id)
          LEFT JOIN item_variants AS own ON own.item_id = given.item_id AND own.id = wanted.id
          WHERE own.blob_hash IS NULL OR (own.source, own.source_version) IS DISTINCT FROM (given.source, given.version)
        ) AS "isCurrent",
        coalesce(
          (SELECT own.blob_hash FROM item_images AS own WHERE own.item_id = given.item_id
            AND own.source = given.source AND own.source_version IS NOT DISTINCT FROM given.version),
          (SELECT own.blob_hash FROM item_variants AS own WHERE own.item_id = given.item_id AND own.blob_hash IS NOT NULL
            AND own.source = given.source AND own.source_version IS NOT DISTINCT FROM given.version LIMIT 1)
        ) AS "blobHash"
      FROM unnest(
        ${sources.map(({ itemId }) => itemId)}::text[],
        ${sources.map(({ variantIds }) => JSON.stringify(variantIds))}::text[],
        ${sources.map(({ source }) => source)}::text[],
        ${sources.map(({ sourceVersion }) => sourceVersion)}::text[]
      ) WITH ORDINALITY AS given (item_id, ids, source, version, place)
      ORDER BY given.place`;
  }

  /** Content hashes of the variants' images. */
  async hashesOf(itemIds: readonly string[]): Promise<string[]> {
    const rows = await this.prisma.$queryRaw<{ hash: string }[]>`
      SELECT DISTINCT blob_hash AS hash FROM item_variants
      WHERE item_id = ANY(${itemIds}::text[]) AND blob_hash IS NOT NULL`;
    return rows.map(({ hash }) => hash);
  }

  /** The items of those `ids` that are a variant's of exactly one item: variant id -> item id. */
  async itemsOf(ids: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.prisma.$queryRaw<{ id: string; itemId: string }[]>`
      SELECT id, min(item_id) AS "itemId" FROM item_variants WHERE id = ANY(${[...new Set(ids)]}::text[])
      GROUP BY id HAVING count(*) = 1`;
    return new Map(rows.map(({ id, itemId }) => [id, itemId]));
  }
}

interface Changed {
  itemId: string;
}

function changedIn(rows: readonly Changed[]): Set<string> {
  return new Set(rows.map(({ itemId }) => itemId));
}
