/** @file The reads of items that every page needs. Raw SQL, because Prisma takes longer to build these than Postgres to answer. */
import type { Pool } from "pg";
import { completeUntil, type PageRequest } from "./keyset.js";
import { type Prepared, prepared } from "./prepared.js";
import type { BlobRow, CaptionRow, ItemImageRow, ItemRow } from "./rows.js";

export type ItemImageWithBlob = ItemImageRow & { blob: BlobRow };

/** An item with its catalogue image; null if it has none. */
export type ItemWithImage = ItemRow & { image: ItemImageWithBlob | null };

export interface ItemFilter {
  category?: string | null;
  isAvailable?: boolean | null;
}

const ITEM = `items.id, items.title, items.description, items.category, items.keywords, items.is_available AS "isAvailable",
  items.attribution, items.created_at AS "createdAt", items.updated_at AS "updatedAt"`;
const IMAGE = `item_images.blob_hash AS "blobHash", item_images.source, item_images.source_version AS "sourceVersion",
  item_images.created_at AS "placedAt", blobs.media_type AS "mediaType", blobs.size_bytes AS "sizeBytes",
  blobs.width_pixels AS "widthPixels", blobs.height_pixels AS "heightPixels", blobs.created_at AS "storedAt"`;
const WITH_IMAGES = `items LEFT JOIN item_images ON item_images.item_id = items.id
  LEFT JOIN blobs ON blobs.hash = item_images.blob_hash`;

interface ImageColumns extends Omit<BlobRow, "hash" | "createdAt"> {
  blobHash: string;
  source: string;
  sourceVersion: string | null;
  placedAt: Date;
  storedAt: Date;
}

type NoImage = Record<keyof ImageColumns, null>;
type ItemColumns = ItemRow & (ImageColumns | NoImage);

const ITEMS = prepared(
  `SELECT ${ITEM}, ${IMAGE} FROM ${WITH_IMAGES} WHERE items.id = ANY($1::text[])`,
);
const IMAGES = prepared(
  `SELECT item_images.item_id AS id, ${IMAGE} FROM item_images JOIN blobs ON blobs.hash = item_images.blob_hash
   WHERE item_images.item_id = ANY($1::text[])`,
);
const CAPTIONS = prepared(
  `SELECT item_id AS "itemId", text, source, model, blob_hash AS "blobHash", compared_with AS "comparedWith",
     created_at AS "createdAt" FROM captions WHERE item_id = ANY($1::text[])`,
);

/** A page of items. Of each filter that is absent nothing is said, so that Postgres plans for those that are there. */
const PAGES = new Map<string, Prepared>();

function pageQuery(conditions: readonly string[]): Prepared {
  const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "";
  const known = PAGES.get(where);
  if (known) {
    return known;
  }
  const query = prepared(
    `SELECT ${ITEM}, ${IMAGE} FROM ${WITH_IMAGES} ${where} ORDER BY items.created_at, items.id LIMIT $1`,
  );
  PAGES.set(where, query); // at most one for each set of conditions
  return query;
}

type Queries = Pick<Pool, "query">;

/** Those of `ids` that exist, in any order. */
export async function readItems(pool: Queries, ids: readonly string[]): Promise<ItemWithImage[]> {
  const { rows } = await pool.query<ItemColumns>({ ...ITEMS, values: [ids] });
  return rows.map(withImage);
}

/** Oldest first, up to {@link completeUntil}: a reader who follows the list misses nothing. */
export async function readItemPage(
  pool: Queries,
  { category, isAvailable }: ItemFilter,
  { limit, after }: PageRequest<Date>,
): Promise<ItemWithImage[]> {
  const until = await completeUntil(pool);
  const values: unknown[] = [limit];
  const conditions: string[] = [];
  const add = (condition: (...places: string[]) => string, ...given: unknown[]) => {
    conditions.push(condition(...given.map(value => `$${values.push(value)}`)));
  };
  if (category != null) {
    add(place => `items.category = ${place}`, category);
  }
  if (isAvailable != null) {
    add(place => `items.is_available = ${place}`, isAvailable);
  }
  if (after) {
    add(
      (time, id) => `(items.created_at, items.id) > (${time}::timestamptz, ${id}::text)`,
      after.value,
      after.id,
    );
  }
  if (until) {
    add(place => `items.created_at < ${place}::timestamptz`, until);
  }
  const { rows } = await pool.query<ItemColumns>({ ...pageQuery(conditions), values });
  return rows.map(withImage);
}

export async function readItemImages(
  pool: Queries,
  itemIds: readonly string[],
): Promise<ItemImageWithBlob[]> {
  const { rows } = await pool.query<ImageColumns & { id: string }>({
    ...IMAGES,
    values: [itemIds],
  });
  return rows.map(row => imageOf(row.id, row));
}

export async function readCaptions(
  pool: Queries,
  itemIds: readonly string[],
): Promise<CaptionRow[]> {
  const { rows } = await pool.query<CaptionRow>({ ...CAPTIONS, values: [itemIds] });
  return rows;
}

function withImage(row: ItemColumns): ItemWithImage {
  const { attribution, category, createdAt, description, id } = row;
  const { isAvailable, keywords, title, updatedAt } = row;
  return {
    ...{ id, title, description, category, keywords, isAvailable, attribution },
    ...{ createdAt, updatedAt },
    image: row.blobHash === null ? null : imageOf(id, row),
  };
}

function imageOf(
  itemId: string,
  { blobHash, heightPixels, mediaType, placedAt, sizeBytes, storedAt, ...row }: ImageColumns,
): ItemImageWithBlob {
  const { source, sourceVersion, widthPixels } = row;
  return {
    ...{ itemId, blobHash, source, sourceVersion, createdAt: placedAt },
    blob: { hash: blobHash, mediaType, sizeBytes, widthPixels, heightPixels, createdAt: storedAt },
  };
}
