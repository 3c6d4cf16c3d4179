/** @file Items with their catalogue pictures and imported captions. */
import type { PrismaTransaction } from "./database.js";
import type { ItemRow } from "./rows.js";

/** What an import may say of an item, and may leave out. */
export type ItemColumn =
  "title" | "description" | "category" | "keywords" | "isAvailable" | "attribution" | "caption";

export interface NewItem {
  /**
   * The columns that the source has; the others keep what is stored. Default: all. An item whose source has no title must
   * be in the catalogue already.
   */
  columns?: ReadonlySet<ItemColumn>;
  /** The shop's own id. */
  id: string;
  title: string;
  description: string;
  category: string | null;
  keywords: readonly string[];
  isAvailable: boolean;
  attribution: string | null;
  /** A sentence about the item that came with the catalogue; null leaves the item's caption as it is. */
  caption: string | null;
}

/** A file of the blob store. */
export interface StoredBlob {
  /** SHA-256 of its bytes, 64 hex digits. */
  hash: string;
  mediaType: string;
  sizeBytes: number;
  widthPixels: number;
  heightPixels: number;
}

export interface NewItemImage {
  itemId: string;
  blob: StoredBlob;
  /** Where the picture came from: a file name or URL, for people. */
  source: string;
}

export class ItemsRepository {
  constructor(private readonly prisma: PrismaTransaction) {}

  /**
   * Adds and changes items; one that would not change is not touched. Of two with the same id the later counts.
   *
   * @returns how many items were added or changed.
   */
  async upsertMany(items: readonly NewItem[]): Promise<number> {
    const rows = lastOfEach(items, ({ id }) => id);
    const column = <Value>(value: (item: NewItem) => Value) => rows.map(value);
    // unnest() would flatten an array of keyword lists, so a list travels as JSON.
    const numChanged = await this.prisma.$executeRaw`
      INSERT INTO items (id, title, description, category, keywords, is_available, attribution, updated_at)
      SELECT id, title, description, category,
             ARRAY(SELECT jsonb_array_elements_text(keywords::jsonb)), is_available, attribution, now()
      FROM unnest(
        ${column(item => item.id)}::text[],
        ${column(item => item.title)}::text[],
        ${column(item => item.description)}::text[],
        ${column(item => item.category)}::text[],
        ${column(item => JSON.stringify(item.keywords))}::text[],
        ${column(item => item.isAvailable)}::boolean[],
        ${column(item => item.attribution)}::text[]
      ) AS given (id, title, description, category, keywords, is_available, attribution)
      ON CONFLICT (id) DO UPDATE SET
        title = excluded.title, description = excluded.description, category = excluded.category,
        keywords = excluded.keywords, is_available = excluded.is_available,
        attribution = excluded.attribution, updated_at = excluded.updated_at
      WHERE (items.title, items.description, items.category, items.keywords, items.is_available, items.attribution)
        IS DISTINCT FROM
        (excluded.title, excluded.description, excluded.category, excluded.keywords, excluded.is_available,
         excluded.attribution)`;
    await this.setImportedCaptions(
      rows.flatMap(({ id, caption }) => (caption === null ? [] : [{ itemId: id, text: caption }])),
    );
    return numChanged;
  }

  /** Gives items the captions of the catalogue, also in place of a model's. */
  setImportedCaptions(captions: readonly { itemId: string; text: string }[]): Promise<number> {
    const itemIds = captions.map(({ itemId }) => itemId);
    const texts = captions.map(({ text }) => text);
    return this.prisma.$executeRaw`
      INSERT INTO captions (item_id, text, source)
      SELECT item_id, text, 'IMPORTED' FROM unnest(${itemIds}::text[], ${texts}::text[]) AS given (item_id, text)
      ON CONFLICT (item_id) DO UPDATE SET
        text = excluded.text, source = excluded.source, model = NULL, blob_hash = NULL, created_at = now()
      WHERE (captions.text, captions.source) IS DISTINCT FROM (excluded.text, excluded.source)`;
  }

  /** Content hash of the item's catalogue picture; null if it has none. */
  async findImageHash(itemId: string): Promise<string | null> {
    const select = { blobHash: true };
    const image = await this.prisma.itemImage.findUnique({ where: { itemId }, select });
    return image?.blobHash ?? null;
  }

  findById(id: string): Promise<ItemRow | null> {
    return this.prisma.item.findUnique({ where: { id } });
  }

  /** In the order of `ids`; null for one that is not there. */
  async findByIds(ids: readonly string[]): Promise<(ItemRow | null)[]> {
    const rows = await this.prisma.item.findMany({ where: { id: { in: [...ids] } } });
    const byId = new Map(rows.map(row => [row.id, row]));
    return ids.map(id => byId.get(id) ?? null);
  }

  /** Those of `ids` that are in the catalogue. */
  async existing(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.prisma.$queryRaw<{ id: string }[]>`
      SELECT id FROM items WHERE id = ANY(${[...new Set(ids)]}::text[])`;
    return new Set(rows.map(({ id }) => id));
  }

  /** Makes a stored file the item's catalogue picture. */
  async setImage(itemId: string, blob: StoredBlob, source: string): Promise<void> {
    await this.setImages([{ itemId, blob, source }]);
  }

  /** {@link setImage} for many; of two pictures of one item the later counts. @returns how many items changed. */
  async setImages(images: readonly NewItemImage[]): Promise<number> {
    const blobs = lastOfEach(
      images.map(({ blob }) => blob),
      ({ hash }) => hash,
    );
    await this.prisma.$executeRaw`
      INSERT INTO blobs (hash, media_type, size_bytes, width_pixels, height_pixels)
      SELECT * FROM unnest(
        ${blobs.map(blob => blob.hash)}::text[],
        ${blobs.map(blob => blob.mediaType)}::text[],
        ${blobs.map(blob => blob.sizeBytes)}::int[],
        ${blobs.map(blob => blob.widthPixels)}::int[],
        ${blobs.map(blob => blob.heightPixels)}::int[]
      )
      ON CONFLICT (hash) DO NOTHING`;
    const rows = lastOfEach(images, ({ itemId }) => itemId);
    return this.prisma.$executeRaw`
      INSERT INTO item_images (item_id, blob_hash, source)
      SELECT * FROM unnest(
        ${rows.map(row => row.itemId)}::text[],
        ${rows.map(row => row.blob.hash)}::text[],
        ${rows.map(row => row.source)}::text[]
      )
      ON CONFLICT (item_id) DO UPDATE SET
        blob_hash = excluded.blob_hash, source = excluded.source, created_at = now()
      WHERE (item_images.blob_hash, item_images.source) IS DISTINCT FROM (excluded.blob_hash, excluded.source)`;
  }

  /** Removes items with all that belongs to them. @returns how many were there. */
  async deleteMany(ids: readonly string[]): Promise<number> {
    const { count } = await this.prisma.item.deleteMany({ where: { id: { in: [...ids] } } });
    return count;
  }

  count(): Promise<number> {
    return this.prisma.item.count();
  }

  /** Items that have no picture, in the order of their ids, after `afterId`. */
  listWithoutImage(limit: number, afterId = ""): Promise<ItemRow[]> {
    return this.prisma.item.findMany({
      where: { image: null, id: { gt: afterId } },
      orderBy: { id: "asc" },
      take: limit,
    });
  }
}

/** One row of each key, the last given: an INSERT may not meet a row twice. */
function lastOfEach<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Row[] {
  return [...new Map(rows.map(row => [keyOf(row), row])).values()];
}
