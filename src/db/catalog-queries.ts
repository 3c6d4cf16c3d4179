/**
 * @file The API's reads of users, items and images, in batches, so that a page costs a constant number of statements.
 * Per-parent lists take the first `limit` rows of each parent in one statement (a lateral join over a matching index).
 */
import type { Pool } from "pg";
import { type PrismaTransaction } from "./database.js";
import { Prisma } from "./generated/client.js";
import {
  type ItemFilter,
  type ItemImageWithBlob,
  type ItemWithImage,
  readCaptions,
  readItemImages,
  readItemPage,
  readItems,
} from "./item-reads.js";
import { isServedBefore } from "./jobs.repository.js";
import { afterInTime, type PageRequest } from "./keyset.js";
import type {
  BlobRow,
  CaptionRow,
  ImageRejectionRow,
  InteractionRow,
  ItemVariantRow,
  JobRow,
  JobKind,
  JobState,
  PersonalizedImageRow,
  PersonalizerVersionRow,
  RankingModelVersionRow,
  UserRow,
} from "./rows.js";

export type { ItemFilter, ItemImageWithBlob, ItemWithImage } from "./item-reads.js";

/** The first rows of each parent's list, by the parent's id; a parent without rows may be absent. */
export type Lists<Row> = ReadonlyMap<string, readonly Row[]>;

/** Restricts a list to one user's rows; null for all users. */
export type UserScope = string | null;

export interface JobFilter {
  kind?: JobKind | null;
  state?: JobState | null;
  userId?: string | null;
  itemId?: string | null;
}

export class CatalogQueries {
  constructor(
    private readonly prisma: PrismaTransaction,
    private readonly pool: Pick<Pool, "query">,
  ) {}

  // ── by id ──

  /** Each with its catalogue image. */
  findItems(ids: readonly string[]): Promise<ItemWithImage[]> {
    return readItems(this.pool, ids);
  }

  findUsers(ids: readonly string[]): Promise<UserRow[]> {
    return this.prisma.user.findMany({ where: { id: { in: [...ids] } } });
  }

  findBlobs(hashes: readonly string[]): Promise<BlobRow[]> {
    return this.prisma.blob.findMany({ where: { hash: { in: [...hashes] } } });
  }

  findItemImages(itemIds: readonly string[]): Promise<ItemImageWithBlob[]> {
    return readItemImages(this.pool, itemIds);
  }

  findVariants(keys: readonly { itemId: string; variantId: string }[]): Promise<ItemVariantRow[]> {
    const those = keys.map(({ itemId, variantId: id }) => ({ itemId, id }));
    return this.prisma.itemVariant.findMany({ where: { OR: those } });
  }

  /** In the shop's order. */
  async findVariantsOfItems(itemIds: readonly string[]): Promise<Map<string, ItemVariantRow[]>> {
    const rows = await this.prisma.itemVariant.findMany({
      where: { itemId: { in: [...itemIds] } },
      orderBy: [{ itemId: "asc" }, { position: "asc" }, { id: "asc" }],
    });
    const lists = new Map<string, ItemVariantRow[]>();
    for (const row of rows) {
      const list = lists.get(row.itemId) ?? [];
      list.push(row);
      lists.set(row.itemId, list);
    }
    return lists;
  }

  findCaptions(itemIds: readonly string[]): Promise<CaptionRow[]> {
    return readCaptions(this.pool, itemIds);
  }

  findPersonalizedImages(ids: readonly string[]): Promise<PersonalizedImageRow[]> {
    return this.prisma.personalizedImage.findMany({ where: { id: { in: [...ids] } } });
  }

  findRejections(blobHashes: readonly string[]): Promise<ImageRejectionRow[]> {
    return this.prisma.imageRejection.findMany({ where: { blobHash: { in: [...blobHashes] } } });
  }

  findRankingModelVersions(ids: readonly string[]): Promise<RankingModelVersionRow[]> {
    return this.prisma.rankingModelVersion.findMany({ where: { id: { in: [...ids] } } });
  }

  findPersonalizerVersions(ids: readonly string[]): Promise<PersonalizerVersionRow[]> {
    return this.prisma.personalizerVersion.findMany({ where: { id: { in: [...ids] } } });
  }

  // ── lists ──

  /** Oldest first, each with its catalogue image. A reader who follows the list misses nothing. */
  findItemPage(filter: ItemFilter, page: PageRequest<Date>): Promise<ItemWithImage[]> {
    return readItemPage(this.pool, filter, page);
  }

  /** Newest first. */
  findJobPage(
    { itemId, kind, state, userId }: JobFilter,
    { limit, after }: PageRequest<Date>,
  ): Promise<JobRow[]> {
    return this.prisma.job.findMany({
      where: {
        kind: kind ?? undefined,
        state: state ?? undefined,
        userId: userId ?? undefined,
        itemId: itemId ?? undefined,
        ...afterInTime(after),
      },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take: limit,
    });
  }

  // ── lists of many parents at once ──

  /** The shown images of each item, newest first. */
  async findImagesOfItems(
    itemIds: readonly string[],
    { limit, after }: PageRequest<Date>,
    scope: UserScope,
  ): Promise<Lists<PersonalizedImageRow>> {
    const ids = await this.prisma.$queryRaw<{ id: string }[]>`
      SELECT picked.id::text
      FROM unnest(${itemIds}::text[]) AS parent(id)
      CROSS JOIN LATERAL (
        SELECT id FROM personalized_images
        WHERE item_id = parent.id AND is_served
          AND ${scope === null ? Prisma.sql`true` : Prisma.sql`user_id = ${scope}`}
          AND ${after ? Prisma.sql`(created_at < ${after.value} OR (created_at = ${after.value} AND id > ${after.id}::uuid))` : Prisma.sql`true`}
        ORDER BY created_at DESC, id
        LIMIT ${limit}
      ) AS picked`;
    const rows = await this.findPersonalizedImages(ids.map(({ id }) => id));
    rows.sort((a, b) => +b.createdAt - +a.createdAt || (a.id < b.id ? -1 : 1));
    return listsBy(rows, row => row.itemId);
  }

  /** Each user's interactions, newest first. */
  async findHistories(
    userIds: readonly string[],
    { limit, after }: PageRequest<Date>,
  ): Promise<Lists<InteractionRow>> {
    const ids = await this.prisma.$queryRaw<{ id: bigint }[]>`
      SELECT picked.id
      FROM unnest(${userIds}::text[]) AS parent(id)
      CROSS JOIN LATERAL (
        SELECT id FROM interactions
        WHERE user_id = parent.id
          AND ${after ? Prisma.sql`(occurred_at, id) < (${after.value}, ${BigInt(after.id)})` : Prisma.sql`true`}
        ORDER BY occurred_at DESC, id DESC
        LIMIT ${limit}
      ) AS picked`;
    const rows = await this.prisma.interaction.findMany({
      where: { id: { in: ids.map(({ id }) => id) } },
      orderBy: [{ occurredAt: "desc" }, { id: "desc" }],
    });
    return listsBy(rows, row => row.userId);
  }

  /** The position of each queued job in the queue of its kind: 1 is next; absent if it is not queued. */
  async findQueuePositions(jobIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.prisma.$queryRaw<{ id: string; position: number }[]>`
      SELECT job.id::text, count(*)::int AS position
      FROM jobs AS job
      JOIN jobs AS earlier
        ON earlier.state = 'QUEUED' AND earlier.kind = job.kind
       AND ${Prisma.raw(isServedBefore("earlier", "job"))}
      WHERE job.id = ANY(${jobIds}::uuid[]) AND job.state = 'QUEUED'
      GROUP BY job.id`;
    return new Map(rows.map(({ id, position }) => [id, position]));
  }
}

function listsBy<Row>(rows: readonly Row[], parentOf: (row: Row) => string): Lists<Row> {
  const lists = new Map<string, Row[]>();
  for (const row of rows) {
    const list = lists.get(parentOf(row));
    if (list) {
      list.push(row);
    } else {
      lists.set(parentOf(row), [row]);
    }
  }
  return lists;
}
