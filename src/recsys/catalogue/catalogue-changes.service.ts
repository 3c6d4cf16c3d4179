/**
 * @file Changes to the catalogue through the API: a few items at a time, only the given fields.
 *
 * A queued job indexes the changed items; removed items leave the index immediately.
 */
import pLimit from "p-limit";
import { z } from "zod";
import type { BlobStore } from "../../db/blob-store.js";
import type { ErasureRepository } from "../../db/erasure.repository.js";
import type { PrismaClient } from "../../db/generated/client.js";
import {
  type ItemColumn,
  ItemsRepository,
  type NewItem,
  type NewItemImage,
} from "../../db/items.repository.js";
import { retryConflicts } from "../../db/retry.js";
import type { JobRow } from "../../db/rows.js";
import { VariantsRepository } from "../../db/variants.repository.js";
import { AppError, type ErrorCode } from "../../errors/app-error.js";
import {
  captionField,
  descriptionField,
  idField,
  storeImage,
  textField,
  titleField,
} from "../import/import-parts.js";
import { MAX_KEYWORDS, maxLengths } from "../import/item-row.js";
import { type ImageAddress, imageAddressField } from "./image-address.js";
import {
  changeVariantImages,
  newVariants,
  type VariantChange,
  variantsSchema,
} from "./variant-changes.js";

const FETCHES_AT_ONCE = 8;

/** Changes to an item: `undefined` leaves a field unchanged, null clears it. */
export interface ItemChange {
  id: string;
  title?: string | null;
  description?: string | null;
  category?: string | null;
  keywords?: readonly string[] | null;
  isAvailable?: boolean | null;
  attribution?: string | null;
  caption?: string | null;
  /** URL of the image, or the image itself as a `data:` URL; null removes the image. */
  imageUrl?: string | null;
  /** All variants; null removes them. */
  variants?: readonly VariantChange[] | null;
}

export interface RejectedRow {
  /** Index in the input, from 0. */
  index: number;
  code: ErrorCode;
  message: string;
}

export interface UpsertOutcome {
  /** Accepted rows. */
  accepted: number;
  /** Items that are new or changed, including those whose image changed. */
  changed: number;
  rejected: RejectedRow[];
  /** Rows accepted without their image. */
  imagesFailed: RejectedRow[];
  /** The job that indexes the changes; null if nothing changed. */
  job: JobRow | null;
}

export interface RemovalOutcome {
  removed: number;
  /** Ids without an item. */
  unknown: string[];
  interactions: number;
  images: number;
}

interface Dependencies {
  prisma: PrismaClient;
  blobs: BlobStore;
  erasure: Pick<
    ErasureRepository,
    "deleteItems" | "deleteItemImages" | "deleteUnused" | "findUnused"
  >;
  /** Fetches an image. @throws AppError `FETCH_REFUSED`, `FETCH_FAILED`, `OFFLINE`, `IMAGE_TOO_LARGE` */
  fetchImage: (url: string, signal: AbortSignal) => Promise<Uint8Array>;
  /** Stops deleted jobs that run in this process. */
  stopJobs: (jobIds: readonly string[]) => void;
  /** Removes deleted items from the caption index. */
  index: { sync(): Promise<unknown> };
  /** Queues an indexing that starts after now. */
  requestIndexing: () => Promise<JobRow>;
}

/** A valid row. */
interface Change {
  index: number;
  item: NewItem;
  image: ImageAddress | null | undefined;
  variants: z.infer<typeof variantsSchema>;
}

const nullable = <Field extends z.ZodType>(field: Field) => field.nullish();

const changeSchema = z.object({
  id: idField,
  title: titleField.optional(),
  description: nullable(descriptionField),
  category: nullable(textField(maxLengths.category)),
  keywords: nullable(z.array(textField(maxLengths.keyword)).max(MAX_KEYWORDS)),
  isAvailable: nullable(z.boolean()),
  attribution: nullable(titleField),
  caption: nullable(captionField),
  imageUrl: nullable(imageAddressField),
  variants: variantsSchema,
});

export class CatalogueChangesService {
  constructor(private readonly deps: Dependencies) {}

  /**
   * Adds and updates items; an invalid row is rejected alone. Of two rows with the same id, the later one's fields
   * count. An image is fetched unless the item's image came from the same URL.
   */
  async upsert(
    rows: readonly ItemChange[],
    signal: AbortSignal = new AbortController().signal,
  ): Promise<UpsertOutcome> {
    const rejected: RejectedRow[] = [];
    const understood = rows.flatMap((row, index): Change[] => {
      const { data, error } = changeSchema.safeParse(row);
      if (error) {
        rejected.push(rejection(index, faultOf(error)));
        return [];
      }
      const { imageUrl: image, variants } = data;
      return [{ index, item: newItem(data), image, variants }];
    });
    const untitled = await new ItemsRepository(this.deps.prisma).withoutTitle(
      understood.map(({ item }) => item),
    );
    const changes = understood.filter(({ index, item }) => {
      const isUsable = !untitled.has(item.id);
      if (!isUsable) {
        const fault = { argument: "title", problem: "is required for a new item" };
        rejected.push(rejection(index, new AppError("INVALID_ARGUMENT", fault)));
      }
      return isUsable;
    });
    const varied = changes.flatMap(({ item, variants }) =>
      variants === undefined ? [] : [item.id],
    );
    const earlier = await new VariantsRepository(this.deps.prisma).hashesOf(varied);
    const numItems = await retryConflicts(() =>
      this.deps.prisma.$transaction(transaction =>
        new ItemsRepository(transaction).upsertMany(changes.map(({ item }) => item)),
      ),
    );
    const { numImages, failed } = await this.changeImages(changes, signal);
    const ofVariants = await this.changeVariants(changes, signal);
    if (earlier.length > 0) {
      await this.deps.erasure.deleteUnused(earlier);
      await this.removeFiles(earlier);
    }
    const changed = numItems + numImages + ofVariants.numItems;
    return {
      accepted: changes.length,
      changed,
      rejected: rejected.sort((a, b) => a.index - b.index),
      imagesFailed: [...failed, ...ofVariants.failed].sort((a, b) => a.index - b.index),
      job: changed > 0 ? await this.deps.requestIndexing() : null,
    };
  }

  /**
   * Deletes items with their images, captions, embeddings, interactions and personalized images, and removes them from
   * the index. Reports unknown ids.
   */
  async remove(ids: readonly string[]): Promise<RemovalOutcome> {
    const { erasure, index, stopJobs } = this.deps;
    const erased = await erasure.deleteItems(ids);
    stopJobs(erased.jobIds);
    await this.removeFiles(erased.hashes);
    await index.sync();
    const removed = new Set(erased.ids);
    return {
      removed: removed.size,
      unknown: [...new Set(ids)].filter(id => !removed.has(id)),
      interactions: erased.numInteractions,
      images: erased.numImages,
    };
  }

  /** Fetches, stores and removes images. @returns the number of items with a changed image. */
  private async changeImages(
    changes: readonly Change[],
    signal: AbortSignal,
  ): Promise<{ numImages: number; failed: RejectedRow[] }> {
    const { erasure, prisma } = this.deps;
    const items = new ItemsRepository(prisma);
    const last = new Map(
      changes.flatMap(change =>
        change.image === undefined ? [] : [[change.item.id, change] as const],
      ),
    );
    const taken = [...last.values()].flatMap(({ item, image }) => (image === null ? item.id : []));
    const removed = await erasure.deleteItemImages(taken);
    await this.removeFiles(removed);

    const wanted = [...last.values()].flatMap(({ index, item, image }) =>
      image ? [{ ...image, index, itemId: item.id, sourceVersion: null }] : [],
    );
    const current = await items.currentImages(wanted);
    const failed: RejectedRow[] = [];
    const limit = pLimit(FETCHES_AT_ONCE);
    const fetched = await Promise.all(
      wanted
        .filter(({ itemId }) => !current.has(itemId))
        .map(({ bytes: given, index, itemId, source }) =>
          limit(async (): Promise<NewItemImage[]> => {
            try {
              const bytes = given ?? (await this.deps.fetchImage(source, signal));
              return [await storeImage(itemId, bytes, { source, blobs: this.deps.blobs })];
            } catch (error) {
              if (error instanceof AppError) {
                failed.push(rejection(index, error));
                return [];
              }
              throw error;
            }
          }),
        ),
    );
    const numSet = await retryConflicts(() =>
      prisma.$transaction(transaction =>
        new ItemsRepository(transaction).setImages(fetched.flat()),
      ),
    );
    return { numImages: removed.length + numSet, failed };
  }

  /** The images of variants; of two rows with the same item the later counts. */
  private async changeVariants(
    changes: readonly Change[],
    signal: AbortSignal,
  ): Promise<{ numItems: number; failed: RejectedRow[] }> {
    const last = new Map(
      changes.flatMap(({ index, item, variants }) =>
        variants === undefined ? [] : [[item.id, { index, itemId: item.id, variants }] as const],
      ),
    );
    const { changed, failed } = await changeVariantImages(this.deps, [...last.values()], signal);
    const rejections = failed.map(({ index, error }) => rejection(index, error));
    return { numItems: changed.size, failed: rejections };
  }

  private async removeFiles(hashes: readonly string[]): Promise<void> {
    for (const hash of await this.deps.erasure.findUnused(hashes)) {
      await this.deps.blobs.remove(hash);
    }
  }
}

/** A change in the repository's form: the columns that it names, and defaults of the others for a new item. */
function newItem(change: z.infer<typeof changeSchema>): NewItem {
  const { id, title, description, category, keywords, isAvailable, attribution, caption } = change;
  const said = { title, description, category, keywords, attribution, caption };
  const named = Object.entries(said).flatMap(([column, value]) =>
    value === undefined ? [] : (column as ItemColumn),
  );
  // A null availability changes nothing.
  const availability: ItemColumn[] = typeof isAvailable === "boolean" ? ["isAvailable"] : [];
  return {
    columns: new Set([...named, ...availability]),
    id,
    title: title ?? "",
    description: description ?? "",
    category: category ?? null,
    keywords: [...new Set((keywords ?? []).filter(word => word !== ""))],
    isAvailable: isAvailable ?? true,
    attribution: attribution ?? null,
    caption: caption ?? null,
    variants: newVariants(change.variants),
  };
}

function faultOf({ issues }: z.ZodError): AppError {
  const argument = [...new Set(issues.map(({ path }) => path.join(".")))].join(", ");
  const problem = `is not valid: ${issues.map(({ message }) => message).join("; ")}`;
  return new AppError("INVALID_ARGUMENT", { argument, problem });
}

function rejection(index: number, { code, message }: AppError): RejectedRow {
  return { index, code, message };
}
