/** @file Items with their catalogue images and imported captions. */
import { insertBlobs, type StoredBlob } from "./blob-rows.js";
import type { PrismaTransaction } from "./database.js";
import type { ItemRow } from "./rows.js";
import { type NewVariant, VariantsRepository } from "./variants.repository.js";

export type { StoredBlob } from "./blob-rows.js";

/** The optional columns of an import. */
export type ItemColumn =
  "title" | "description" | "category" | "keywords" | "isAvailable" | "attribution" | "caption";

export interface NewItem {
  /**
   * The source's columns; the others keep their values. Default: all. An item without a title must be in the catalogue
   * already.
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
  /** An imported sentence about the item. Null deletes it where `columns` names it, and otherwise changes nothing. */
  caption: string | null;
  /** All variants in which it is sold. Default: those that it has stay. */
  variants?: readonly NewVariant[];
}

export interface NewItemImage {
  itemId: string;
  blob: StoredBlob;
  /** Source of the image: a file name or URL. */
  source: string;
  /** Version of the file (size and time); null or absent for a URL. */
  sourceVersion?: string | null;
}

/** The requested source of an item's image. */
export type ImageSource = Pick<NewItemImage, "itemId" | "source" | "sourceVersion">;

export class ItemsRepository {
  private readonly variants: VariantsRepository;

  constructor(private readonly prisma: PrismaTransaction) {
    this.variants = new VariantsRepository(prisma);
  }

  /**
   * Adds and updates items. Updates only the columns that an item names, and only if they differ. Of two with the same
   * id, the later one's columns count.
   *
   * @returns the number of items added or changed.
   * @throws Error if a new item has no title: see {@link withoutTitle}.
   */
  async upsertMany(items: readonly NewItem[]): Promise<number> {
    const rows = mergedById(items);
    const ids = rows.map(({ id }) => id);
    // Locks in one order, so that two calls never deadlock.
    await this.prisma.$queryRaw`
      SELECT id FROM items WHERE id = ANY(${ids}::text[]) ORDER BY id COLLATE "C" FOR NO KEY UPDATE`;
    const added = await this.insertNew(rows.filter(row => has(row, "title")));
    const updated = await this.updateColumns(rows);
    const sets = rows.flatMap(({ id, variants }) => (variants ? [{ itemId: id, variants }] : []));
    const varied = sets.length > 0 ? await this.variants.replaceMany(sets) : [];
    await this.setImportedCaptions(
      rows.flatMap(row =>
        has(row, "caption") && row.caption !== null ? [{ itemId: row.id, text: row.caption }] : [],
      ),
    );
    const emptied = rows.filter(({ columns, caption }) => columns?.has("caption") && !caption);
    await this.deleteImportedCaptions(emptied.map(({ id }) => id));
    return new Set([...added, ...updated, ...varied]).size;
  }

  /** The new items of `items` without a title, which cannot be stored. */
  async withoutTitle(items: readonly NewItem[]): Promise<Set<string>> {
    const untitled = mergedById(items).flatMap(item => (has(item, "title") ? [] : [item.id]));
    const known = await this.existing(untitled);
    return new Set(untitled.filter(id => !known.has(id)));
  }

  /** Inserts the missing ones of `rows`. @returns their ids. */
  private async insertNew(rows: readonly NewItem[]): Promise<string[]> {
    const given = columnsOf(rows);
    // unnest() would flatten an array of keyword lists, so a list travels as JSON.
    const added = await this.prisma.$queryRaw<{ id: string }[]>`
      INSERT INTO items (id, title, description, category, keywords, is_available, attribution, updated_at)
      SELECT id, title, description, category,
             ARRAY(SELECT jsonb_array_elements_text(keywords::jsonb)), is_available, attribution, now()
      FROM unnest(
        ${given.id}::text[], ${given.title}::text[], ${given.description}::text[], ${given.category}::text[],
        ${given.keywords}::text[], ${given.isAvailable}::boolean[], ${given.attribution}::text[]
      ) AS given (id, title, description, category, keywords, is_available, attribution)
      ORDER BY id COLLATE "C"
      ON CONFLICT (id) DO NOTHING
      RETURNING id`;
    return added.map(({ id }) => id);
  }

  /** Updates the existing items of `rows` with each row's columns. @returns the ids of the changed ones. */
  private async updateColumns(rows: readonly NewItem[]): Promise<string[]> {
    const given = columnsOf(rows);
    const said = (column: ItemColumn) => rows.map(row => has(row, column));
    const updated = await this.prisma.$queryRaw<{ id: string }[]>`
      WITH given AS (
        SELECT id, title, description, category,
               ARRAY(SELECT jsonb_array_elements_text(keywords::jsonb)) AS keywords, is_available, attribution,
               has_title, has_description, has_category, has_keywords, has_availability, has_attribution
        FROM unnest(
          ${given.id}::text[], ${given.title}::text[], ${given.description}::text[], ${given.category}::text[],
          ${given.keywords}::text[], ${given.isAvailable}::boolean[], ${given.attribution}::text[],
          ${said("title")}::boolean[], ${said("description")}::boolean[], ${said("category")}::boolean[],
          ${said("keywords")}::boolean[], ${said("isAvailable")}::boolean[], ${said("attribution")}::boolean[]
        ) AS rows (id, title, description, category, keywords, is_available, attribution,
          has_title, has_description, has_category, has_keywords, has_availability, has_attribution)
      ), changed AS (
        SELECT items.id,
          CASE WHEN has_title THEN given.title ELSE items.title END AS title,
          CASE WHEN has_description THEN given.description ELSE items.description END AS description,
          CASE WHEN has_category THEN given.category ELSE items.category END AS category,
          CASE WHEN has_keywords THEN given.keywords ELSE items.keywords END AS keywords,
          CASE WHEN has_availability THEN given.is_available ELSE items.is_available END AS is_available,
          CASE WHEN has_attribution THEN given.attribution ELSE items.attribution END AS attribution
        FROM given JOIN items ON items.id = given.id
      )
      UPDATE items SET title = changed.title, description = changed.description, category = changed.category,
        keywords = changed.keywords, is_available = changed.is_available, attribution = changed.attribution,
        updated_at = now()
      FROM changed
      WHERE items.id = changed.id
        AND (items.title, items.description, items.category, items.keywords, items.is_available, items.attribution)
          IS DISTINCT FROM (changed.title, changed.description, changed.category, changed.keywords,
            changed.is_available, changed.attribution)
      RETURNING items.id`;
    return updated.map(({ id }) => id);
  }

  /** Sets the catalogue's captions, replacing models' captions. */
  setImportedCaptions(captions: readonly { itemId: string; text: string }[]): Promise<number> {
    const itemIds = captions.map(({ itemId }) => itemId);
    const texts = captions.map(({ text }) => text);
    return this.prisma.$executeRaw`
      INSERT INTO captions (item_id, text, source)
      SELECT item_id, text, 'IMPORTED' FROM unnest(${itemIds}::text[], ${texts}::text[]) AS given (item_id, text)
      ORDER BY item_id COLLATE "C"
      ON CONFLICT (item_id) DO UPDATE SET
        text = excluded.text, source = excluded.source, model = NULL, blob_hash = NULL, created_at = now()
      WHERE (captions.text, captions.source) IS DISTINCT FROM (excluded.text, excluded.source)`;
  }

  /** Deletes items' imported captions; the next indexing writes others. */
  private async deleteImportedCaptions(itemIds: readonly string[]): Promise<void> {
    if (itemIds.length > 0) {
      await this.prisma.$executeRaw`
        DELETE FROM captions WHERE item_id IN (
          SELECT item_id FROM captions WHERE item_id = ANY(${itemIds}::text[]) AND source = 'IMPORTED'
          ORDER BY item_id COLLATE "C" FOR UPDATE
        )`;
    }
  }

  findById(id: string): Promise<ItemRow | null> {
    return this.prisma.item.findUnique({ where: { id } });
  }

  /** In the order of `ids`; null for an unknown one. */
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

  /** Sets stored files as catalogue images; of two images of one item the later counts. @returns the number of items changed. */
  async setImages(images: readonly NewItemImage[]): Promise<number> {
    await insertBlobs(
      this.prisma,
      images.map(({ blob }) => blob),
    );
    const rows = lastOfEach(images, ({ itemId }) => itemId);
    return this.prisma.$executeRaw`
      INSERT INTO item_images (item_id, blob_hash, source, source_version)
      SELECT * FROM unnest(
        ${rows.map(row => row.itemId)}::text[],
        ${rows.map(row => row.blob.hash)}::text[],
        ${rows.map(row => row.source)}::text[],
        ${rows.map(row => row.sourceVersion ?? null)}::text[]
      ) AS given (item_id, blob_hash, source, source_version)
      ORDER BY item_id COLLATE "C"
      ON CONFLICT (item_id) DO UPDATE SET
        blob_hash = excluded.blob_hash, source = excluded.source, source_version = excluded.source_version,
        created_at = now()
      WHERE (item_images.blob_hash, item_images.source, item_images.source_version)
        IS DISTINCT FROM (excluded.blob_hash, excluded.source, excluded.source_version)`;
  }

  /** The items whose images have these sources and versions: item id -> hash of the image. */
  async currentImages(sources: readonly ImageSource[]): Promise<Map<string, string>> {
    const rows = await this.prisma.$queryRaw<{ id: string; hash: string }[]>`
      SELECT item_images.item_id AS id, item_images.blob_hash AS hash
      FROM unnest(
        ${sources.map(({ itemId }) => itemId)}::text[],
        ${sources.map(({ source }) => source)}::text[],
        ${sources.map(({ sourceVersion }) => sourceVersion ?? null)}::text[]
      ) AS given (item_id, source, version)
      JOIN item_images ON item_images.item_id = given.item_id
      WHERE item_images.source = given.source AND item_images.source_version IS NOT DISTINCT FROM given.version`;
    return new Map(rows.map(({ id, hash }) => [id, hash]));
  }

  /** Deletes items with all dependent rows. @returns their number. */
  async deleteMany(ids: readonly string[]): Promise<number> {
    const { count } = await this.prisma.item.deleteMany({ where: { id: { in: [...ids] } } });
    return count;
  }

  count(): Promise<number> {
    return this.prisma.item.count();
  }
}

/** Whether an item has a value for a column. */
function has({ columns }: NewItem, column: ItemColumn): boolean {
  return columns?.has(column) ?? true;
}

const itemColumns: readonly ItemColumn[] = [
  "title",
  "description",
  "category",
  "keywords",
  "isAvailable",
  "attribution",
  "caption",
];

/** One item per id, in the order of ids: later ones override earlier ones, column by column. */
function mergedById(items: readonly NewItem[]): NewItem[] {
  const byId = new Map<string, NewItem>();
  for (const item of items) {
    const earlier = byId.get(item.id);
    byId.set(item.id, earlier ? merged(earlier, item) : item);
  }
  return [...byId.values()].sort(byKey(({ id }) => id));
}

function merged(earlier: NewItem, later: NewItem): NewItem {
  const said = itemColumns.filter(column => has(later, column));
  const changes = Object.fromEntries(said.map(column => [column, later[column]]));
  const columns = new Set(itemColumns.filter(column => has(earlier, column) || has(later, column)));
  const variants = later.variants ?? earlier.variants;
  return { ...earlier, ...(changes as Partial<NewItem>), columns, variants };
}

/** The values of each column, as `unnest` takes them. */
function columnsOf(rows: readonly NewItem[]) {
  return {
    id: rows.map(row => row.id),
    title: rows.map(row => row.title),
    description: rows.map(row => row.description),
    category: rows.map(row => row.category),
    keywords: rows.map(row => JSON.stringify(row.keywords)),
    isAvailable: rows.map(row => row.isAvailable),
    attribution: rows.map(row => row.attribution),
  };
}

/** The last row of each key, in the order of keys: an INSERT may not meet a row twice. */
function lastOfEach<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Row[] {
  return [...new Map(rows.map(row => [keyOf(row), row])).values()].sort(byKey(keyOf));
}

/** By code units, as `COLLATE "C"` sorts all but astral characters; the same in every process. */
function byKey<Row>(keyOf: (row: Row) => string): (a: Row, b: Row) => number {
  return (a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0);
}
