/** @file How pictures changed their items' ranks: stored once for each picture and ranking-model version. */
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

  /** ΔR of what the filter lets through, and whether its picture is shown; at most `limit` of them, in no order. */
  async findDeltas(
    filter: RankChangeFilter,
    limit: number,
  ): Promise<{ deltaR: number; isServed: boolean }[]> {
    const rows = await this.prisma.rankChange.findMany({
      where: where(filter),
      select: { deltaR: true, personalizedImage: { select: { isServed: true } } },
      take: limit,
    });
    return rows.map(({ deltaR, personalizedImage: { isServed } }) => ({ deltaR, isServed }));
  }

  /** The change of each picture by the active ranking model; without one by the newest that judged it. */
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

  /** The rank changes of each item's pictures, newest first. */
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
