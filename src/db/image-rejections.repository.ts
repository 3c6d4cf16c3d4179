/** @file Pictures that may be shown to nobody any more. */
import type { PrismaTransaction } from "./database.js";
import type { PrismaClient } from "./generated/client.js";
import { retryConflicts } from "./retry.js";
import type { BlobRow, PersonalizedImageRow } from "./rows.js";

export class ImageRejectionsRepository {
  constructor(private readonly prisma: PrismaClient) {}

  /**
   * Rejects the picture of an image. All images that show the same file are no longer served, and their requests are open
   * again. A second call keeps the first reason.
   *
   * @returns the image; null if there is none with this id.
   */
  async reject(imageId: string, reason: string): Promise<PersonalizedImageRow | null> {
    return retryConflicts(() =>
      this.prisma.$transaction(async transaction => {
        const image = await transaction.personalizedImage.findUnique({ where: { id: imageId } });
        if (!image) {
          return null;
        }
        const { blobHash } = image;
        // An image that is being stored holds this row until its transaction ends (`PersonalizedImagesRepository.save`).
        await transaction.$queryRaw`SELECT hash FROM blobs WHERE hash = ${blobHash} FOR UPDATE`;
        await transaction.imageRejection.createMany({
          data: [{ blobHash, reason }],
          skipDuplicates: true,
        });
        // A request's key is unique, so the image gives it up to the next one.
        await transaction.$executeRaw`
          UPDATE personalized_images SET is_served = false,
            request_key = encode(sha256(convert_to(request_key || id::text, 'UTF8')), 'hex')
          WHERE blob_hash = ${blobHash}`;
        return transaction.personalizedImage.findUnique({ where: { id: imageId } });
      }),
    );
  }

  /** A picture that may be sent; null for a rejected one, unless it is also in the catalogue. */
  async findServed(hash: string): Promise<BlobRow | null> {
    const [blob] = await this.prisma.$queryRaw<BlobRow[]>`
      SELECT hash, media_type AS "mediaType", size_bytes AS "sizeBytes", width_pixels AS "widthPixels",
        height_pixels AS "heightPixels", created_at AS "createdAt"
      FROM blobs WHERE hash = ${hash} AND (
        NOT EXISTS (SELECT FROM image_rejections WHERE blob_hash = ${hash})
        OR EXISTS (SELECT FROM item_images WHERE blob_hash = ${hash})
        OR EXISTS (SELECT FROM item_variants WHERE blob_hash = ${hash}))`;
    return blob ?? null;
  }
}

/** Whether a picture is rejected. Read it after the image's row is stored, in the same transaction. */
export async function isRejected(transaction: PrismaTransaction, hash: string): Promise<boolean> {
  return (await transaction.imageRejection.count({ where: { blobHash: hash } })) > 0;
}
