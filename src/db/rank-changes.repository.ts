/** @file How images changed their items' ranks: one row per image and ranking-model version. */
import type { Pool } from "pg";
import type { Lists, UserScope } from "./catalog-queries.js";
import { type PrismaTransaction } from "./database.js";
import { Prisma } from "./generated/client.js";
import type { PageRequest, Position } from "./keyset.js";
import { prepared } from "./prepared.js";
import type { RankChangeRow } from "./rows.js";

export interface RankChangeFilter {
  userId?: string | null;
  itemId?: string | null;
  rankingModelVersionId?: string | null;
  /** Inclusive. */
  from?: Date | null;
  /** Exclusive. */
  to?: Date | null;
  /** The item's category. */
  category?: string | null;
}

/** What decided requests are grouped by: the item's category, or the day in UTC, `2026-02-01`. */
export type DecidedGroup = "category" | "day";

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
  /** Null where none was asked for, and for an item without a category. */
  group?: string | null;
}

/** The request of a version that decided it. */
export type VersionDecision = DecidedRequestRow & { rankingModelVersionId: string };

const GROUPS: Readonly<Record<DecidedGroup, Prisma.Sql>> = {
  category: Prisma.sql`(SELECT category FROM items WHERE items.id = decided.item_id)`,
  day: Prisma.sql`to_char(decided.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')`,
};

/** Raw SQL: a page of items reads it. */
const CURRENT = prepared(
  `SELECT DISTINCT ON (change.personalized_image_id) change.id, change.personalized_image_id AS "personalizedImageId",
     change.ranking_model_version_id AS "rankingModelVersionId", change.rank_before AS "rankBefore",
     change.rank_after AS "rankAfter", change.score_before AS "scoreBefore", change.score_after AS "scoreAfter",
     change.num_ranked AS "numRanked", change.delta_r AS "deltaR", change.created_at AS "createdAt"
   FROM rank_changes AS change
   JOIN ranking_model_versions AS version ON version.id = change.ranking_model_version_id
   WHERE change.personalized_image_id = ANY($1::uuid[])
   ORDER BY change.personalized_image_id, version.is_active DESC, version.created_at DESC`,
);

export class RankChangesRepository {
  constructor(
    private readonly prisma: PrismaTransaction,
    private readonly pool: Pick<Pool, "query">,
  ) {}

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
    filter: Omit<RankChangeFilter, "rankingModelVersionId">,
    limit: number,
    group?: DecidedGroup,
  ): Promise<DecidedRequestRow[]> {
    const version = Prisma.sql`${versionId}::uuid`;
    return this.prisma.$queryRaw<DecidedRequestRow[]>`
      SELECT decided.user_id AS "userId", decided.has_image AS "hasImage", decided.delta_r AS "deltaR",
        ${group ? GROUPS[group] : Prisma.sql`NULL`} AS "group"
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
      ${whereDecided(filter)}
      LIMIT ${limit}`;
  }

  /**
   * The same for every version at once; at most `limit`, unordered. A request without an image belongs to the version that
   * decided it.
   */
  findDecidedByVersion(
    filter: Omit<RankChangeFilter, "rankingModelVersionId">,
    limit: number,
  ): Promise<VersionDecision[]> {
    return this.prisma.$queryRaw<VersionDecision[]>`
      SELECT decided.user_id AS "userId", decided.has_image AS "hasImage", decided.delta_r AS "deltaR",
        decided.version_id::text AS "rankingModelVersionId"
      FROM (
        SELECT image.user_id, image.item_id, image.created_at, true AS has_image, change.delta_r,
          change.ranking_model_version_id AS version_id
        FROM rank_changes AS change JOIN personalized_images AS image ON image.id = change.personalized_image_id
        WHERE NOT EXISTS (SELECT FROM image_rejections WHERE image_rejections.blob_hash = image.blob_hash)
        UNION ALL
        SELECT image.user_id, image.item_id, image.created_at, true, NULL, image.ranking_model_version_id
        FROM personalized_images AS image
        WHERE image.ranking_model_version_id IS NOT NULL
          AND NOT EXISTS (
            SELECT FROM rank_changes AS change WHERE change.personalized_image_id = image.id
              AND change.ranking_model_version_id = image.ranking_model_version_id)
          AND NOT EXISTS (SELECT FROM image_rejections WHERE image_rejections.blob_hash = image.blob_hash)
        UNION ALL
        SELECT user_id, item_id, created_at, false, NULL, ranking_model_version_id
        FROM image_refusals WHERE ranking_model_version_id IS NOT NULL
      ) AS decided
      ${whereDecided(filter)}
      LIMIT ${limit}`;
  }

  /** Rank changes with all that a table of them names, newest first; at most `limit`. */
  findExport(filter: RankChangeFilter, limit: number): Promise<ExportedRankChange[]> {
    const { rankingModelVersionId } = filter;
    const version =
      rankingModelVersionId == null
        ? Prisma.sql`true`
        : Prisma.sql`change.ranking_model_version_id = ${rankingModelVersionId}::uuid`;
    return this.prisma.$queryRaw<ExportedRankChange[]>`
      SELECT decided.*, item.title, item.category, version.algorithm
      FROM (
        SELECT change.id::text, change.created_at, change.ranking_model_version_id AS version_id, image.user_id, image.item_id,
          image.id::text AS image_id, image.is_served, image.generator, image.seed, change.rank_before, change.rank_after,
          change.score_before, change.score_after, change.num_ranked, change.delta_r
        FROM rank_changes AS change JOIN personalized_images AS image ON image.id = change.personalized_image_id
        WHERE ${version}
      ) AS decided
      JOIN items AS item ON item.id = decided.item_id
      JOIN ranking_model_versions AS version ON version.id = decided.version_id
      ${whereDecided(filter)}
      ORDER BY decided.created_at DESC, decided.id DESC
      LIMIT ${limit}`;
  }

  /** The change of each image by the active ranking model; otherwise by the newest that ranked it. */
  async findCurrent(imageIds: readonly string[]): Promise<ReadonlyMap<string, RankChangeRow>> {
    const { rows } = await this.pool.query<RankChangeRow>({ ...CURRENT, values: [imageIds] });
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

/** A row of {@link RankChangesRepository.findExport}, by the names of its columns. */
export interface ExportedRankChange {
  id: string;
  created_at: Date;
  version_id: string;
  algorithm: string;
  user_id: string;
  item_id: string;
  title: string;
  category: string | null;
  image_id: string;
  is_served: boolean;
  generator: string;
  seed: number;
  rank_before: number;
  rank_after: number;
  score_before: number;
  score_after: number;
  num_ranked: number;
  delta_r: number;
}

/** Of rows called `decided`. */
function whereDecided({ category, from, itemId, to, userId }: RankChangeFilter): Prisma.Sql {
  const conditions = [
    userId == null ? null : Prisma.sql`decided.user_id = ${userId}`,
    itemId == null ? null : Prisma.sql`decided.item_id = ${itemId}`,
    from == null ? null : Prisma.sql`decided.created_at >= ${from}`,
    to == null ? null : Prisma.sql`decided.created_at < ${to}`,
    category == null
      ? null
      : Prisma.sql`decided.item_id IN (SELECT id FROM items WHERE category = ${category})`,
  ].filter(condition => condition !== null);
  return conditions.length === 0
    ? Prisma.empty
    : Prisma.sql`WHERE ${Prisma.join(conditions, " AND ")}`;
}

function where(filter: RankChangeFilter): Prisma.RankChangeWhereInput {
  const { userId, itemId, rankingModelVersionId, from, to, category } = filter;
  return {
    rankingModelVersionId: rankingModelVersionId ?? undefined,
    createdAt: { gte: from ?? undefined, lt: to ?? undefined },
    personalizedImage:
      userId == null && itemId == null && category == null
        ? undefined
        : {
            userId: userId ?? undefined,
            itemId: itemId ?? undefined,
            item: category == null ? undefined : { category },
          },
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
