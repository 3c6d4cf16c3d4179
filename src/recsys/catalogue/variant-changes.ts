/** @file Variants of items that are changed through the API: their fields, and the images that they name. */
import pLimit from "p-limit";
import { z } from "zod";
import type { BlobStore } from "../../db/blob-store.js";
import type { PrismaClient } from "../../db/generated/client.js";
import { retryConflicts } from "../../db/retry.js";
import {
  type NewVariant,
  type NewVariantImage,
  type StoredVariantImage,
  type VariantImageSource,
  VariantsRepository,
} from "../../db/variants.repository.js";
import { AppError } from "../../errors/app-error.js";
import { idField, storeImage, textField, titleField } from "../import/import-parts.js";
import { maxLengths } from "../import/item-row.js";
import { MAX_OPTIONS, MAX_VARIANTS } from "../import/variant-row.js";
import { type ImageAddress, imageAddressField } from "./image-address.js";

const FETCHES_AT_ONCE = 8;

/** A variant as the API gives it. */
export interface VariantChange {
  id: string;
  title?: string | null;
  options?: readonly { name: string; value: string }[] | null;
  isAvailable?: boolean | null;
  imageUrl?: string | null;
}

const optionField = textField(maxLengths.keyword).min(1);

const variantSchema = z.object({
  id: idField,
  title: titleField.or(z.literal("")).nullish(),
  options: z
    .array(z.object({ name: optionField, value: optionField }))
    .max(MAX_OPTIONS)
    .nullish(),
  isAvailable: z.boolean().nullish(),
  imageUrl: imageAddressField.nullish(),
});

/** Null removes all variants. */
export const variantsSchema = z
  .array(variantSchema)
  .max(MAX_VARIANTS)
  .refine(list => new Set(list.map(({ id }) => id)).size === list.length, "ids must differ")
  .nullish();

type Variants = z.infer<typeof variantsSchema>;

/** The variants in the repository's form; undefined where the row does not name them. */
export function newVariants(variants: Variants): NewVariant[] | undefined {
  return variants === undefined
    ? undefined
    : (variants ?? []).map(({ id, title, options, isAvailable, imageUrl }) => ({
        id,
        title: title ?? "",
        options: options ?? [],
        isAvailable: isAvailable ?? true,
        hasImage: Boolean(imageUrl),
      }));
}

/** The variants of one row of the input. */
export interface VariantsOfRow {
  index: number;
  itemId: string;
  variants: Variants;
}

interface Dependencies {
  prisma: PrismaClient;
  blobs: BlobStore;
  fetchImage: (url: string, signal: AbortSignal) => Promise<Uint8Array>;
}

type Wanted = VariantImageSource & ImageAddress & { index: number };

/**
 * Fetches and stores the images of variants, each address of an item once; one that the item has from there is not fetched
 * again. The variants must be stored.
 *
 * @returns the items that changed, and the rows with an image that could not be fetched.
 */
export async function changeVariantImages(
  { blobs, fetchImage, prisma }: Dependencies,
  rows: readonly VariantsOfRow[],
  signal: AbortSignal,
): Promise<{ changed: Set<string>; failed: { index: number; error: AppError }[] }> {
  const wanted = rows.flatMap(wantedImages);
  const failed: { index: number; error: AppError }[] = [];
  if (wanted.length === 0) {
    return { changed: new Set(), failed };
  }
  const stored = await new VariantsRepository(prisma).findStored(wanted);
  const limit = pLimit(FETCHES_AT_ONCE);
  const take = async (
    { bytes: given, index, ...image }: Wanted,
    { isCurrent, blobHash }: StoredVariantImage,
  ): Promise<NewVariantImage[]> => {
    if (isCurrent) {
      return [];
    }
    if (blobHash !== null) {
      return [{ ...image, blobHash, blob: null }];
    }
    try {
      const bytes = given ?? (await fetchImage(image.source, signal));
      const { blob } = await storeImage(image.itemId, bytes, { source: image.source, blobs });
      return [{ ...image, blobHash: blob.hash, blob }];
    } catch (error) {
      if (error instanceof AppError) {
        failed.push({ index, error });
        return [];
      }
      throw error;
    }
  };
  const images = await Promise.all(wanted.map((one, n) => limit(() => take(one, stored[n]))));
  const changed = await retryConflicts(() =>
    prisma.$transaction(transaction =>
      new VariantsRepository(transaction).setImages(images.flat()),
    ),
  );
  return { changed, failed };
}

/** Each address of a row's variants once. */
function wantedImages({ index, itemId, variants }: VariantsOfRow): Wanted[] {
  const found = new Map<string, ImageAddress & { variantIds: string[] }>();
  for (const { id, imageUrl: image } of variants ?? []) {
    if (image) {
      const variantIds = found.get(image.source)?.variantIds ?? [];
      found.set(image.source, { ...image, variantIds: [...variantIds, id] });
    }
  }
  return [...found.values()].map(image => ({ ...image, index, itemId, sourceVersion: null }));
}
