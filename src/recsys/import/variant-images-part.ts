/** @file The images of variants in an import: one row for each image of an item, with the variants that share it. */
import { type NewVariantImage, VariantsRepository } from "../../db/variants.repository.js";
import type { CatalogueImages } from "./catalogue-images.js";
import type { ImportPart, SourceRow } from "./import-source.js";

/** Images take far longer than rows, so a smaller batch loses less work. */
const IMAGES_PER_BATCH = 250;

/** Input of a row. */
export interface VariantImageChoice {
  itemId: string;
  variantIds: readonly string[];
  /** Sources of the image, best first. */
  candidates: readonly string[];
}

/**
 * Variants of items already in the catalogue. An image that the item or a variant of it has from the same source is not read
 * again.
 *
 * @param isFresh Whether to read every image all the same.
 */
export function variantImagesPart({
  images,
  isFresh,
  read,
}: {
  images: CatalogueImages;
  isFresh: boolean;
  read: () => AsyncIterable<SourceRow>;
}): ImportPart<NewVariantImage> {
  const choiceIn = (value: unknown) => value as VariantImageChoice; // the type that `read` yields
  /** Images that need not be read, found for a batch. */
  const known = new WeakMap<VariantImageChoice, NewVariantImage>();
  return {
    name: "variant images",
    batchSize: IMAGES_PER_BATCH,
    numRows: null,
    retriesRejected: true,
    read,
    areStored: async (prisma, values, { blobs }) => {
      if (isFresh) {
        return values.map(() => false);
      }
      const choices = values.map(choiceIn);
      const sources = await Promise.all(
        choices.map(async ({ itemId, variantIds, candidates }) => ({
          variantIds,
          // A source of unknown version is nobody's.
          ...((await images.sourceOf(itemId, candidates)) ?? { itemId, source: "" }),
        })),
      );
      const asked = sources.map(source => ({
        ...source,
        sourceVersion: source.sourceVersion ?? null,
      }));
      const stored = await new VariantsRepository(prisma).findStored(asked);
      return Promise.all(
        stored.map(async ({ isCurrent, blobHash }, n) => {
          const isThere = blobHash !== null && (await blobs.stat(blobHash)) !== null;
          if (isThere) {
            known.set(choices[n], { ...asked[n], blobHash, blob: null });
          }
          return isCurrent && isThere;
        }),
      );
    },
    prepare: async (value, context) => {
      const choice = choiceIn(value);
      const { itemId, variantIds, candidates } = choice;
      const earlier = known.get(choice);
      if (earlier) {
        return earlier;
      }
      const {
        blob,
        source,
        sourceVersion = null,
      } = await images.store(itemId, candidates, context);
      return { itemId, variantIds, source, sourceVersion, blobHash: blob.hash, blob };
    },
    store: async (prisma, rows) => {
      await new VariantsRepository(prisma).setImages(rows);
      return rows.map(() => null); // a variant that is not there was left out with its item
    },
  };
}
