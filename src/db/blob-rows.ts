/** @file Rows of the blob store's files. */
import type { PrismaTransaction } from "./database.js";

/** A file of the blob store. */
export interface StoredBlob {
  /** SHA-256 of its bytes, 64 hex digits. */
  hash: string;
  mediaType: string;
  sizeBytes: number;
  widthPixels: number;
  heightPixels: number;
}

/** Adds the missing ones, in one order, so that two calls never deadlock. */
export async function insertBlobs(
  prisma: PrismaTransaction,
  given: readonly StoredBlob[],
): Promise<void> {
  const blobs = [...new Map(given.map(blob => [blob.hash, blob])).values()];
  await prisma.$executeRaw`
    INSERT INTO blobs (hash, media_type, size_bytes, width_pixels, height_pixels)
    SELECT * FROM unnest(
      ${blobs.map(blob => blob.hash)}::text[],
      ${blobs.map(blob => blob.mediaType)}::text[],
      ${blobs.map(blob => blob.sizeBytes)}::int[],
      ${blobs.map(blob => blob.widthPixels)}::int[],
      ${blobs.map(blob => blob.heightPixels)}::int[]
    ) AS given (hash, media_type, size_bytes, width_pixels, height_pixels)
    ORDER BY hash COLLATE "C"
    ON CONFLICT (hash) DO NOTHING`;
}
