/** @file Personalized images, stored with their file and rank change in one transaction. */
import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { Prisma, type PrismaClient } from "./generated/client.js";
import { isRejected } from "./image-rejections.repository.js";
import { retryConflicts } from "./retry.js";
import type { BlobRow, ImageRefusalRow, PersonalizedImageRow, RankChangeRow } from "./rows.js";

export type NewPersonalizedImage = Omit<
  PersonalizedImageRow,
  "id" | "createdAt" | "provenance" | "variantId"
> & {
  provenance: Prisma.InputJsonValue;
  /** The variant that it shows. Default: none. */
  variantId?: string | null;
};

export type NewRankChange = Omit<RankChangeRow, "id" | "createdAt" | "personalizedImageId">;

export type NewImageRefusal = Omit<ImageRefusalRow, "createdAt">;

/** An image, and the transaction that last wrote it. */
export interface StampedImage {
  row: PersonalizedImageRow;
  stamp: string;
}

/** An image without a rank change by a ranking model. */
export interface UnscoredImage {
  id: string;
  userId: string;
  itemId: string;
  blobHash: string;
}

/** Raw SQL: every stored image is read by it, and Prisma takes longer to build this statement than Postgres to answer it. */
const BY_REQUEST_KEY = {
  name: "personalized-image",
  text: `SELECT id, request_key AS "requestKey", user_id AS "userId", item_id AS "itemId", blob_hash AS "blobHash",
      source_blob_hash AS "sourceBlobHash", variant_id AS "variantId", seed, generator, prompt_version AS "promptVersion",
      personalizer_version_id AS "personalizerVersionId",
      ranking_model_version_id AS "rankingModelVersionId", is_served AS "isServed", provenance,
      caption_similarity AS "captionSimilarity", image_similarity AS "imageSimilarity",
      generation_seconds AS "generationSeconds", created_at AS "createdAt", xmin::text AS stamp
    FROM personalized_images WHERE request_key = ANY($1::bpchar[])`,
};

/** Undoes the transaction that stores an image. */
class RejectedPicture extends Error {}

export class PersonalizedImagesRepository {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly pool: Pick<Pool, "query">,
  ) {}

  findById(id: string): Promise<PersonalizedImageRow | null> {
    return this.prisma.personalizedImage.findUnique({ where: { id } });
  }

  async findByRequestKey(requestKey: string): Promise<PersonalizedImageRow | null> {
    const [image] = await this.findByRequestKeys([requestKey]);
    return image ?? null;
  }

  /** Those that are stored, in any order. */
  async findByRequestKeys(requestKeys: readonly string[]): Promise<PersonalizedImageRow[]> {
    const stamped = await this.findStamped(requestKeys);
    return stamped.map(({ row }) => row);
  }

  /** Those that are stored, in any order, each with its stamp (`RetrievalState`). */
  async findStamped(requestKeys: readonly string[]): Promise<StampedImage[]> {
    const { rows } = await this.pool.query<PersonalizedImageRow & { stamp: string }>({
      ...BY_REQUEST_KEY,
      values: [requestKeys],
    });
    return rows.map(({ stamp, ...row }) => ({ stamp, row }));
  }

  /** Those that are stored, in any order. */
  findByIds(ids: readonly string[]): Promise<PersonalizedImageRow[]> {
    return this.prisma.personalizedImage.findMany({ where: { id: { in: [...ids] } } });
  }

  /**
   * Stores an image whose file is already in the blob store. The first image of a request wins; later calls return it.
   *
   * @returns null if the picture is rejected (`ImageRejectionsRepository`): nothing is stored then.
   */
  async save(
    image: NewPersonalizedImage,
    blob: Omit<BlobRow, "createdAt">,
    rankChange: NewRankChange | null,
  ): Promise<PersonalizedImageRow | null> {
    try {
      return await retryConflicts(() =>
        this.prisma.$transaction(async tx => {
          await tx.blob.upsert({ where: { hash: blob.hash }, create: blob, update: {} });
          const row = await tx.personalizedImage.create({ data: { id: randomUUID(), ...image } });
          if (await isRejected(tx, image.blobHash)) {
            throw new RejectedPicture();
          }
          if (rankChange) {
            await tx.rankChange.create({
              data: { id: randomUUID(), personalizedImageId: row.id, ...rankChange },
            });
          }
          return row;
        }),
      );
    } catch (error) {
      if (error instanceof RejectedPicture) {
        return null;
      }
      const isTaken =
        error instanceof Prisma.PrismaClientKnownRequestError && error.code === "P2002";
      const first = isTaken ? await this.findByRequestKey(image.requestKey) : null;
      if (first) {
        return first;
      }
      throw error;
    }
  }

  /**
   * Stores the images of variants, whose files the catalogue has. The first image of a request wins.
   *
   * @returns the image of each request, in any order; none if a file was deleted or rejected since.
   */
  async saveVariants(
    chosen: readonly { image: NewPersonalizedImage; rankChange: NewRankChange | null }[],
  ): Promise<PersonalizedImageRow[]> {
    try {
      await retryConflicts(() =>
        this.prisma.$transaction(async tx => {
          const rows = chosen.map(({ image }) => ({ id: randomUUID(), ...image }));
          const added = await tx.personalizedImage.createManyAndReturn({
            data: rows,
            skipDuplicates: true,
            select: { id: true },
          });
          const rejected = await tx.imageRejection.findMany({
            where: { blobHash: { in: rows.map(({ blobHash }) => blobHash) } },
          });
          if (rejected.length > 0) {
            throw new RejectedPicture();
          }
          const isAdded = new Set(added.map(({ id }) => id));
          await tx.rankChange.createMany({
            data: rows.flatMap(({ id: personalizedImageId }, n) => {
              const { rankChange } = chosen[n];
              return rankChange && isAdded.has(personalizedImageId)
                ? [{ id: randomUUID(), personalizedImageId, ...rankChange }]
                : [];
            }),
          });
        }),
      );
    } catch (error) {
      const isGone =
        error instanceof Prisma.PrismaClientKnownRequestError && error.code === "P2003";
      if (isGone || error instanceof RejectedPicture) {
        return [];
      }
      throw error;
    }
    return this.findByRequestKeys(chosen.map(({ image }) => image.requestKey));
  }

  /** Records that no image of a request may be shown. An earlier decision stays. */
  async refuse(refusal: NewImageRefusal): Promise<void> {
    await this.prisma.imageRefusal.createMany({ data: [refusal], skipDuplicates: true });
  }

  /** Images without a rank change by a version of the ranking model, in the order of their ids, after `afterId`. */
  findUnscored(versionId: string, afterId: string | null, limit: number): Promise<UnscoredImage[]> {
    return this.prisma.personalizedImage.findMany({
      where: {
        rankChanges: { none: { rankingModelVersionId: versionId } },
        ...(afterId === null ? {} : { id: { gt: afterId } }),
      },
      select: { id: true, userId: true, itemId: true, blobHash: true },
      orderBy: { id: "asc" },
      take: limit,
    });
  }

  /** Number of images without a rank change by a version of the ranking model. */
  countUnscored(versionId: string): Promise<number> {
    return this.prisma.personalizedImage.count({
      where: { rankChanges: { none: { rankingModelVersionId: versionId } } },
    });
  }

  /** Adds a later model's rank change of a stored image; an existing one by the same model stays. */
  async addRankChange(personalizedImageId: string, rankChange: NewRankChange): Promise<void> {
    await this.prisma.rankChange.createMany({
      data: [{ id: randomUUID(), personalizedImageId, ...rankChange }],
      skipDuplicates: true,
    });
  }

  /**
   * Forgets the generated images whose file is missing or damaged, so that they are made again when they are next asked for.
   *
   * @returns the hash of the catalogue image that one of them was made of; null if no generated image has this file.
   */
  async dropUnusable(hash: string): Promise<string | null> {
    const { rows } = await this.pool.query<{ source: string }>(
      `DELETE FROM personalized_images
       WHERE blob_hash = $1 AND source_blob_hash <> $1 AND variant_id IS NULL
       RETURNING source_blob_hash AS source`,
      [hash],
    );
    return rows[0]?.source ?? null;
  }

  /** Records a file that nothing refers to yet: a preview. */
  async addBlob(blob: Omit<BlobRow, "createdAt">): Promise<void> {
    await this.prisma.blob.upsert({ where: { hash: blob.hash }, create: blob, update: {} });
  }

  /** Deletes a preview that nothing refers to. @returns whether its file may be deleted. */
  async dropBlob(hash: string): Promise<boolean> {
    const { count } = await this.prisma.blob.deleteMany({
      where: {
        hash,
        itemImages: { none: {} },
        variants: { none: {} },
        personalizedImages: { none: {} },
        studyImages: { none: {} },
      },
    });
    return count > 0;
  }
}
