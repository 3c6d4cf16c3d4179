/** @file All personalized images, for whoever runs the shop: a page of them by user, item, versions, rank change and fault. */
import type { Pool } from "pg";
import type { PrismaTransaction } from "./database.js";
import type { PageRequest } from "./keyset.js";
import type { PersonalizedImageRow } from "./rows.js";

export interface GalleryFilter {
  userId?: string | null;
  itemId?: string | null;
  /** Name and version of the generator's model pack. */
  generator?: string | null;
  /** The ranking model that was active. */
  rankingModelVersionId?: string | null;
  personalizerVersionId?: string | null;
  isServed?: boolean | null;
  isRejected?: boolean | null;
  /** Bounds of the current rank change, inclusive. */
  minDeltaR?: number | null;
  maxDeltaR?: number | null;
  /** A fault of any of its candidates, such as `BLURRED`. */
  fault?: string | null;
}

/** The rank change by the active ranking model, otherwise by the newest that ranked the image. */
const CURRENT_CHANGE = `(SELECT change.delta_r FROM rank_changes AS change
  JOIN ranking_model_versions AS version ON version.id = change.ranking_model_version_id
  WHERE change.personalized_image_id = image.id
  ORDER BY version.is_active DESC, version.created_at DESC LIMIT 1)`;

const IS_REJECTED =
  "EXISTS (SELECT FROM image_rejections WHERE image_rejections.blob_hash = image.blob_hash)";

export class ImageGalleryRepository {
  constructor(
    private readonly prisma: PrismaTransaction,
    private readonly pool: Pick<Pool, "query">,
  ) {}

  /** Newest first. */
  async findPage(
    filter: GalleryFilter,
    { limit, after }: PageRequest<Date>,
  ): Promise<PersonalizedImageRow[]> {
    const values: unknown[] = [];
    const place = (value: unknown) => `$${values.push(value)}`;
    const { minDeltaR, maxDeltaR } = filter;
    const conditions = [
      isGiven(filter.userId) && `image.user_id = ${place(filter.userId)}`,
      isGiven(filter.itemId) && `image.item_id = ${place(filter.itemId)}`,
      isGiven(filter.generator) && `image.generator = ${place(filter.generator)}`,
      isGiven(filter.rankingModelVersionId) &&
        `image.ranking_model_version_id = ${place(filter.rankingModelVersionId)}::uuid`,
      isGiven(filter.personalizerVersionId) &&
        `image.personalizer_version_id = ${place(filter.personalizerVersionId)}::uuid`,
      isGiven(filter.isServed) && `image.is_served = ${place(filter.isServed)}`,
      isGiven(filter.isRejected) && `${IS_REJECTED} = ${place(filter.isRejected)}`,
      (isGiven(minDeltaR) || isGiven(maxDeltaR)) &&
        `${CURRENT_CHANGE} BETWEEN ${place(minDeltaR ?? "-Infinity")}::float8 AND ${place(maxDeltaR ?? "Infinity")}::float8`,
      isGiven(filter.fault) &&
        `jsonb_path_exists(image.provenance, '$.candidates[*].faults[*] ? (@ == $fault)',
           jsonb_build_object('fault', ${place(filter.fault)}::text))`,
      after &&
        `(image.created_at, image.id) < (${place(after.value)}::timestamptz, ${place(after.id)}::uuid)`,
    ].filter(condition => typeof condition === "string");
    const { rows } = await this.pool.query<{ id: string }>(
      `SELECT image.id FROM personalized_images AS image
       ${conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : ""}
       ORDER BY image.created_at DESC, image.id DESC LIMIT ${place(limit)}`,
      values,
    );
    return this.prisma.personalizedImage.findMany({
      where: { id: { in: rows.map(({ id }) => id) } },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
    });
  }
}

function isGiven<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}
