/** @file How images changed their items' ranks: one row per image and ranking-model version. */
import type { Lists, UserScope } from "./catalog-queries.js";
import { type PrismaTransaction } from "./database.js";
import { Prisma } from "./generated/client.js";
import type { PageRequest, Position } from "./keyset.js";
import type { RankChangeRow } from "./rows.js";

export interface RankChangeFilter {
  userId?: string | null;
  itemId?: string | null;
  rankingModelVersionId?: string | null;
  /** Inclusive. */
  from?: Date | null;
  /** Exclusive. */
  to?: Date | null;
}

export interface RankChangeSort {
  by: "createdAt" | "deltaR";
  direction: "asc" | "desc";
}

/** A decided request for an image. */
export interface DecidedRequestRow {
  userId: string;
  /** False where no generated image may be shown. */
  hasImage: boolean;
  /** By the requested version; null without an image, or where it could not rank it. */
  deltaR: number | null;
}

export class RankChangesRepository {
  constructor(private readonly prisma: PrismaTransaction) {}

  findPage(
    filter: RankChangeFilter,
    { by, direction }: RankChangeSort,
    { limit, after }: PageRequest<Date | number>,
  ): Promise<RankChangeRow[]> {
    return this.prisma.rankChange.findMany({
      where: { AND: [where(filter), follows(by, direction, after)] },
      orderBy: [{ [by]: direction }, { id: direction }],
      take: limit,
    });
  }

  /**
   * The decided requests that one version of the ranking model can rank, each once; at most `limit`, unordered: images
   * that it ranked, now or later; images generated while it was active that it could not rank; and requests without an
   * image that it decided, or that a version decided whose images it ranked since. Rejected images do not count.
   */
  async findDecided(
    versionId: string,
    { userId, itemId, from, to }: Omit<RankChangeFilter, "rankingModelVersionId">,
    limit: number,
  ): Promise<DecidedRequestRow[]> {
    const conditions = [
      userId == null ? null : Prisma.sql`decided.user_id = ${userId}`,
      itemId == null ? null : Prisma.sql`decided.item_id = ${itemId}`,
      from == null ? null : Prisma.sql`decided.created_at >= ${from}`,
      to == null ? null : Prisma.sql`decided.created_at < ${to}`,
    ].filter(condition => condition !== null);
    const version = Prisma.sql`${versionId}::uuid`;
    return this.prisma.$queryRaw<DecidedRequestRow[]>`
      SELECT decided.user_id AS "userId", decided.has_image AS "hasImage", decided.delta_r AS "deltaR"
      FROM (
        SELECT image.user_id, image.item_id, image.created_at, true AS has_image, change.delta_r
        FROM personalized_images AS image
        LEFT JOIN rank_changes AS change
          ON change.personalized_image_id = image.id AND change.ranking_model_version_id = ${version}
        WHERE (change.id IS NOT NULL OR image.ranking_model_version_id = ${version})
          AND NOT EXISTS (SELECT FROM image_rejections WHERE image_rejections.blob_hash = image.blob_hash)
        UNION ALL
        SELECT refusal.user_id, refusal.item_id, refusal.created_at, false, NULL
        FROM image_refusals AS refusal
        WHERE refusal.ranking_model_version_id = ${version} OR refusal.ranking_model_version_id IN (
          SELECT image.ranking_model_version_id
          FROM rank_changes AS change
          JOIN personalized_images AS image ON image.id = change.personalized_image_id
          WHERE change.ranking_model_version_id = ${version})
      ) AS decided
      ${conditions.length === 0 ? Prisma.empty : Prisma.sql`WHERE ${Prisma.join(conditions, " AND ")}`}
      LIMIT ${limit}`;
  }

  /** The change of each image by the active ranking model; otherwise by the newest that ranked it. */
  async findCurrent(imageIds: readonly string[]): Promise<ReadonlyMap<string, RankChangeRow>> {
    const ids = await this.prisma.$queryRaw<{ id: string }[]>`
      SELECT DISTINCT ON (change.personalized_image_id) change.id::text
      FROM rank_changes AS change
      JOIN ranking_model_versions AS version ON version.id = change.ranking_model_version_id
      WHERE change.personalized_image_id = ANY(${imageIds}::uuid[])
      ORDER BY change.personalized_image_id, version.is_active DESC, version.created_at DESC`;
    const rows = await this.findByIds(ids);
    return new Map(rows.map(row => [row.personalizedImageId, row]));
  }

  /** The rank changes of each item's images, newest first. */
  async findOfItems(
    itemIds: readonly string[],
    { limit, after }: PageRequest<Date>,
    scope: UserScope,
  ): Promise<Lists<RankChangeRow>> {
    const pairs = await this.prisma.$queryRaw<{ parent: string; id: string }[]>`
      SELECT parent.id AS parent, picked.id::text
      FROM unnest(${itemIds}::text[]) AS parent(id)
      CROSS JOIN LATERAL (
        SELECT change.id, change.created_at
        FROM rank_changes AS change
        JOIN personalized_images AS image ON image.id = change.personalized_image_id
        WHERE image.item_id = parent.id
          AND ${scope === null ? Prisma.sql`true` : Prisma.sql`image.user_id = ${scope}`}
          AND ${after ? Prisma.sql`(change.created_at, change.id) < (${after.value}, ${after.id}::uuid)` : Prisma.sql`true`}
        ORDER BY change.created_at DESC, change.id DESC
        LIMIT ${limit}
      ) AS picked
      ORDER BY parent.id, picked.created_at DESC, picked.id DESC`;
    const rows = new Map((await this.findByIds(pairs)).map(row => [row.id, row]));
    const lists = new Map<string, RankChangeRow[]>();
    for (const { parent, id } of pairs) {
      const row = rows.get(id); // absent only if it was deleted between the two statements
      if (row) {
        lists.set(parent, [...(lists.get(parent) ?? []), row]);
      }
    }
    return lists;
  }

  private findByIds(ids: readonly { id: string }[]): Promise<RankChangeRow[]> {
    return this.prisma.rankChange.findMany({ where: { id: { in: ids.map(({ id }) => id) } } });
  }
}

function where(filter: RankChangeFilter): Prisma.RankChangeWhereInput {
  const { userId, itemId, rankingModelVersionId, from, to } = filter;
  return {
    rankingModelVersionId: rankingModelVersionId ?? undefined,
    createdAt: { gte: from ?? undefined, lt: to ?? undefined },
    personalizedImage:
      userId == null && itemId == null
        ? undefined
        : { userId: userId ?? undefined, itemId: itemId ?? undefined },
  };
}

function follows(
  by: RankChangeSort["by"],
  direction: RankChangeSort["direction"],
  after: Position<Date | number> | null,
): Prisma.RankChangeWhereInput {
  if (!after) {
    return {};
  }
  const { value, id } = after;
  return direction === "asc"
    ? { [by]: { gte: value }, OR: [{ [by]: { gt: value } }, { id: { gt: id } }] }
    : { [by]: { lte: value }, OR: [{ [by]: { lt: value } }, { id: { lt: id } }] };
}
